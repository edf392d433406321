// The live fleet: asks every few seconds, shows carriers and alarms, and acknowledges. What is not renewed is said to be old.

import { askJson, recallKey } from "../ask.js";
import { $, element, LANGUAGE, say, tell } from "../parts.js";

const PERIOD_MS = 5_000;
const TIMEOUT_MS = 20_000;
const ALARMS_SHOWN = 50;
const WORST_FIRST = ["excursion", "no_data", "out", "in_range", "not_watched"];
const clock = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const ago = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto", style: "short" });
const rows = $("carriers").tBodies[0];

let after = "";
let renewed = null; // when the server last answered, by the server's clock
let shown = "";
let timer = 0;
let asked = 0;

// --------------------------------------------------------------------------- asking

const ask = (path, options) => askJson(path, { timeoutMs: TIMEOUT_MS, ...options });

async function renew() {
  clearTimeout(timer);
  const turn = ++asked;
  try {
    const fleet = await ask(`/fleet?${new URLSearchParams({ after })}`);
    if (turn !== asked) return; // another page or key was asked for meanwhile
    renewed = fleet.now_ms;
    show(fleet);
    status(say("fleet_as_of", { time: clock.format(renewed) }));
  } catch (error) {
    if (turn !== asked) return;
    status(renewed ? say("fleet_stale", { time: clock.format(renewed), why: error.message }) : error.message, true);
  }
  timer = setTimeout(renew, PERIOD_MS);
}

function status(text, isBad = false) {
  $("status").hidden = false;
  $("status").className = isBad ? "said bad" : "status";
  if ($("status").textContent !== text) $("status").textContent = text;
  $("status").setAttribute("aria-live", isBad ? "polite" : "off"); // the time alone need not be read out
}

// --------------------------------------------------------------------------- showing

function show(fleet) {
  $("alarms").hidden = $("fleet").hidden = false;
  showAlarms(fleet.alarms, fleet.now_ms);
  const text = JSON.stringify(fleet.carriers) + Math.floor(fleet.now_ms / 60_000);
  if (text === shown) return; // what somebody is marking in the table stays marked
  shown = text;
  const carriers = fleet.carriers.toSorted((a, b) => WORST_FIRST.indexOf(a.condition) - WORST_FIRST.indexOf(b.condition));
  rows.replaceChildren(...carriers.map(carrier => row(carrier, fleet.now_ms)));
  $("carriers").hidden = carriers.length === 0;
  $("none").hidden = carriers.length > 0 || after !== "";
  const counts = WORST_FIRST.map(state => [state, carriers.filter(carrier => carrier.condition === state).length]);
  $("counts").replaceChildren(...counts.filter(([, count]) => count).map(([state, count]) => element("li", `${say(`condition_${state}`)} ${count}`, `badge ${state}`)));
  $("first").hidden = after === "";
  $("next").hidden = fleet.next === "";
  $("next").value = fleet.next;
}

const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]];

function since(at_ms, now_ms) {
  const past = now_ms - at_ms;
  const [unit, length] = UNITS.find(([, ms]) => Math.abs(past) >= ms) ?? ["second", 1_000];
  const time = element("time", ago.format(unit === "second" ? 0 : -Math.trunc(past / length), unit), "note");
  time.dateTime = new Date(at_ms).toISOString();
  time.title = clock.format(at_ms);
  return time;
}

const valueOf = reading => `${Number(reading.value.toFixed(2))} ${reading.unit}`.trim();

function cell(label, className, ...parts) {
  const made = element("td", "", className);
  if (label && parts.length) made.dataset.label = say(label);
  made.append(...parts);
  return made;
}

function row(carrier, now_ms) {
  const made = document.createElement("tr");
  made.id = carrier.id;
  const to = carrier.to ? element("a", carrier.to, "code") : element("span", say("fleet_unbound"), "note");
  if (carrier.to) to.href = `/item?${new URLSearchParams({ id: carrier.to })}`;
  const profile = carrier.profile ? [element("span", carrier.profile, "note")] : [];
  const readings = carrier.readings.flatMap(reading => [
    element("span", `${carrier.readings.length > 1 || reading.quantity !== "temperature" ? `${say(`quantity_${reading.quantity}`)} ` : ""}${valueOf(reading)}`, reading.condition === "no_data" ? "value old" : "value"),
    since(reading.at_ms, now_ms),
  ]);
  const trouble = [
    ...(carrier.excursions.length ? [element("span", say("fleet_open", { count: carrier.excursions.length }), "bad")] : []),
    ...(carrier.alarms.length ? [element("span", say("fleet_alarm_count", { count: carrier.alarms.length }), "odd")] : []),
  ];
  const seen = carrier.seen;
  const battery = seen?.battery == null ? [] : [element("span", `${seen.battery} %`, carrier.flags.includes("battery_low") ? "odd" : "")];
  const drift = seen ? [element("span", `${seen.drift_ms < 0 ? "−" : "+"}${(Math.abs(seen.drift_ms) / 1000).toFixed(1)} s`, carrier.flags.includes("clock_drift") ? "odd" : "")] : [];
  made.append(
    cell("", "state", element("span", say(`condition_${carrier.condition}`), `badge ${carrier.condition}`)),
    cell("", "what", element("span", carrier.model, "model"), element("span", carrier.id, "code"), to, ...profile),
    cell("fleet_reading", "reading", ...readings),
    cell("fleet_excursions", "trouble", ...trouble),
    cell("fleet_battery", "figure", ...battery),
    cell("fleet_seen", "figure", seen ? since(seen.at_ms, now_ms) : element("span", say("fleet_never"), "note")),
    cell("fleet_drift", "figure", ...drift),
    cell("fleet_flags", "flags", ...carrier.flags.map(flag => element("span", say(`flag_${flag}`), "odd"))),
  );
  return made;
}

// --------------------------------------------------------------------------- alarms

// An alarm keeps its element, and so the form that somebody is filling in.
function showAlarms(alarms, now_ms) {
  const known = new Map([...$("alarm-list").children].map(item => [item.dataset.id, item]));
  const items = alarms.map(alarm => describe(known.get(alarm.id) ?? newAlarm(alarm.id), alarm, now_ms));
  for (const [id, item] of known) if (!alarms.some(alarm => alarm.id === id)) item.remove();
  items.forEach((item, place) => {
    if ($("alarm-list").children[place] !== item) $("alarm-list").insertBefore(item, $("alarm-list").children[place] ?? null);
  });
  $("no-alarms").hidden = alarms.length > 0;
  $("more-alarms").hidden = alarms.length < ALARMS_SHOWN;
  $("more-alarms").textContent = say("fleet_more_alarms", { count: ALARMS_SHOWN });
}

function newAlarm(id) {
  const item = document.createElement("li");
  item.dataset.id = id;
  const open = element("button", say("fleet_acknowledge"));
  open.type = "button";
  const place = element("div", "", "form");
  place.append(open);
  open.addEventListener("click", () => place.replaceChildren(form(id, () => place.replaceChildren(open))));
  item.append(element("p", "", "what"), element("p", "", "where"), element("p", "", "note"), place);
  item.children[1].append(element("a", "", "code"));
  return item;
}

function describe(item, alarm, now_ms) {
  const [what, to, more] = item.children;
  const unit = { temperature: "°C", humidity: "% RH", light: "lx", shock: "g" }[alarm.quantity] ?? "";
  const value = alarm.value == null ? "–" : valueOf({ value: alarm.value, unit });
  const quantity = alarm.quantity ? say(`quantity_${alarm.quantity}`) : "";
  what.textContent = alarm.kind === "no_data" ? say("fleet_silence") : say("fleet_excursion", { quantity, value });
  to.firstChild.textContent = alarm.to;
  to.firstChild.href = `/shipment?${new URLSearchParams({ id: alarm.to })}`;
  const words = [say("fleet_since", { time: clock.format(alarm.began_ms) }), say(`fleet_state_${alarm.state}`), [alarm.profile, alarm.rule].filter(Boolean).join(" "), alarm.carrier];
  more.textContent = words.filter(Boolean).join(" · ");
  item.classList.toggle("ended", alarm.state !== "lasting");
  item.querySelector("button").setAttribute("aria-label", `${say("fleet_acknowledge")}: ${what.textContent}, ${alarm.to}`);
  return item;
}

function form(id, close) {
  const made = $("acknowledge").content.cloneNode(true).firstElementChild;
  made.elements.name.value = sessionStorage.getItem("fleet-name") ?? "";
  made.querySelector(".quiet").addEventListener("click", close);
  made.addEventListener("submit", async event => {
    event.preventDefault();
    const words = { name: made.elements.name.value, reason: made.elements.reason.value };
    const send = made.querySelector("button");
    send.disabled = true;
    try {
      const options = { method: "POST", body: JSON.stringify(words), headers: { "Content-Type": "application/json" } };
      const { acknowledged } = await ask(`/alarms/${encodeURIComponent(id)}/acknowledge`, options);
      sessionStorage.setItem("fleet-name", words.name);
      if (acknowledged.event === "refused") tell(acknowledged.problem, true);
      else tell(say(acknowledged.event === "captured" ? "fleet_acknowledged" : "fleet_acknowledged_later"));
      renew();
    } catch (error) {
      tell(error.problems?.map(problem => problem.message).join("; ") || error.message, true);
      send.disabled = false;
    }
  });
  queueMicrotask(() => made.elements[made.elements.name.value ? "reason" : "name"].focus());
  return made;
}

// --------------------------------------------------------------------------- pages

function turnTo(place) {
  after = place;
  shown = "";
  renew();
}

$("next").addEventListener("click", () => turnTo($("next").value));
$("first").addEventListener("click", () => turnTo(""));
$("who").addEventListener("submit", event => {
  event.preventDefault();
  tell("");
  renewed = null;
  turnTo("");
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if ($("key").value) renew();
});
if (recallKey()) renew();
