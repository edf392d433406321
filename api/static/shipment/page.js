// The page of a shipment: asks for the curve at the width it is drawn at, again for each part that is looked at.

import { ask, askJson, recallKey } from "../ask.js";
import { $, element, LANGUAGE, say, tell } from "../parts.js";
import { draw, nearest, plotWidth, timeAt } from "./curve.js";

const REST_MS = 180, SPAN_MS_MIN = 60_000, COLUMNS_MAX = 4000, DOWNLOAD_MS = 60_000;
const stamp = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short", hour12: false });
const id = new URLSearchParams(location.search).get("id") ?? "";

let whole = null; // the time of all legs
let span = null; // what is looked at
let view = null; // the newest answer
let quantity = "temperature";
let asked = 0; // an answer to an earlier question must not replace a later one
let rest = 0;

// The curve of a part, or of all; null when another one was asked for meanwhile.
async function curveOf(part) {
  const turn = ++asked;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const columns = Math.min(COLUMNS_MAX, Math.round(plotWidth($("curve")) * ratio));
  const query = new URLSearchParams({ id, columns, ...(part && { from_ms: Math.floor(part.from), to_ms: Math.ceil(part.to) }) });
  try {
    const found = await askJson(`/telemetry/curve?${query}`);
    return turn === asked ? found : null;
  } catch (error) {
    if (turn === asked) throw error;
    return null;
  }
}

async function open() {
  tell(say("ship_asking"));
  try {
    $("shown").hidden = false; // the canvas has its width only when it is seen
    view = await curveOf(null);
    if (!view) return;
    tell("");
    whole = span = { from: view.from_ms, to: view.to_ms };
    $("shown").hidden = !view.legs.length;
    $("none").hidden = view.legs.length > 0;
    $("key-form").open = false;
    showItem();
    showQuantities();
    showFigures();
    showExcursions();
    showCustody();
    showDecisions();
    redraw();
  } catch (error) {
    $("shown").hidden = true;
    tell(error.message, true);
  }
}

function redraw(chosen = null) {
  if (!view || $("shown").hidden) return;
  draw($("curve"), view, quantity, span, { noData: say("ship_no_data"), language: LANGUAGE, chosen });
  $("from-to").textContent = `${stamp.format(span.from)} – ${stamp.format(span.to)}`;
  $("curve").setAttribute("aria-label", `${say(`ship_${quantity}`)}, ${$("from-to").textContent}`);
  for (const [button, off] of [["in", span.to - span.from <= SPAN_MS_MIN], ["out", isWhole()], ["all", isWhole()], ["earlier", span.from <= whole.from], ["later", span.to >= whole.to]]) $(button).disabled = off;
}

const isWhole = () => span.from <= whole.from && span.to >= whole.to;

// Look at a part: what is there is drawn at once, and asked for at its own width when the hand rests.
function look(from, to) {
  const length = Math.min(whole.to - whole.from, Math.max(SPAN_MS_MIN, to - from));
  const start = Math.min(Math.max(whole.from, from), whole.to - length);
  span = { from: start, to: start + length };
  redraw();
  clearTimeout(rest);
  rest = setTimeout(refine, REST_MS);
}

async function refine() {
  try {
    const finer = await curveOf(span);
    if (!finer) return;
    view = { ...finer, custody: view.custody };
    tell("");
    redraw();
  } catch (error) {
    tell(error.message, true);
  }
}

function zoom(factor, middle = (span.from + span.to) / 2) {
  look(middle - (middle - span.from) * factor, middle + (span.to - middle) * factor);
}

function shift(part) {
  const step = (span.to - span.from) * part;
  look(span.from + step, span.to + step);
}

// ---------------------------------------------------------------- words and tables

function lasting(ms) {
  const minutes = Math.round(ms / 60_000);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const parts = [[days, "ship_days"], [hours, "ship_hours"], [rest, "ship_minutes"]].filter(([count]) => count);
  return parts.length ? parts.slice(0, 2).map(([count, key]) => say(key, { count })).join(" ") : say("ship_minutes", { count: 0 });
}

const via = legs => legs.map(held => `${held.name} ${held.code}`).join(" → ");
const ends = (from, to) => `${stamp.format(from)} – ${to === null ? say("ship_still") : stamp.format(to)}`;

function showItem() {
  $("item").textContent = view.name;
  $("code").textContent = view.code;
  $("to-item").href = `/item?${new URLSearchParams({ id: view.id })}`;
  $("cut").hidden = view.complete;
}

function showQuantities() {
  const found = [...new Set(view.legs.flatMap(leg => Object.keys(leg.quantities)))];
  if (!found.includes(quantity)) quantity = found[0] ?? "temperature";
  $("quantities").hidden = found.length < 2;
  $("quantity").replaceChildren(...found.map(each => {
    const option = element("option", say(`ship_${each}`));
    option.value = each;
    option.selected = each === quantity;
    return option;
  }));
}

function showFigures() {
  $("figures").replaceChildren(...view.legs.map(leg => {
    const part = element("div", "", "leg-figures");
    const state = element("p", leg.condition_says, `state-of-leg ${leg.condition}`);
    const title = element("h3", leg.profile.title);
    const facts = [
      [say("ship_carrier"), leg.carrier_code],
      ...(leg.via.length ? [[say("ship_on"), via(leg.via)]] : []),
      [say("ship_time"), ends(leg.from_ms, leg.until_ms)],
    ];
    const list = element("dl", "", "facts technical");
    for (const [name, value] of facts) {
      const row = element("div");
      row.append(element("dt", name), element("dd", value));
      list.append(row);
    }
    part.append(title, state, list, ...Object.entries(leg.quantities).map(([name, told]) => tableOf(name, told)));
    if (leg.imported) part.append(element("p", say("ship_imported", { count: leg.imported }), "note"));
    if (!Object.keys(leg.quantities).length) part.append(element("p", say("ship_nothing")));
    return part;
  }));
}

function tableOf(name, told) {
  const number = value => (value === null ? "–" : `${value} ${told.unit}`.trim());
  const allowed = [told.low === null ? "" : `≥ ${number(told.low)}`, told.high === null ? "" : `≤ ${number(told.high)}`];
  const rows = [
    [say("ship_allowed"), allowed.filter(Boolean).join(", ") || "–"],
    [say("ship_count"), told.count.toLocaleString(LANGUAGE)],
    [say("ship_min"), number(told.min)],
    [say("ship_max"), number(told.max)],
    [say("ship_mean"), number(told.mean)],
    ...(told.mkt_celsius === null ? [] : [[say("ship_mkt"), number(told.mkt_celsius)]]),
    [say("ship_known"), lasting(told.known_ms)],
    [say("ship_out"), lasting(told.out_ms)],
    [say("ship_gaps", { count: told.gaps }), lasting(told.gap_ms)],
  ];
  const table = element("table", "", "figures-table");
  table.append(element("caption", say(`ship_${name}`)));
  const body = element("tbody");
  for (const [label, value] of rows) {
    const row = element("tr");
    const head = element("th", label);
    head.scope = "row";
    row.append(head, element("td", value));
    body.append(row);
  }
  table.append(body);
  return table;
}

function showExcursions() {
  const found = view.legs.flatMap(leg => leg.excursions.map(excursion => ({ ...excursion, unit: leg.quantities[excursion.quantity]?.unit ?? "" })));
  $("no-excursions").hidden = found.length > 0;
  $("excursions").replaceChildren(...found.map(excursion => {
    const item = element("li");
    const peak = excursion.peak === null ? "" : ` ${say("ship_peak", { value: `${excursion.peak} ${excursion.unit}` })}`;
    const out = excursion.out_ms === null ? "" : ` ${say("ship_lasted", { time: lasting(excursion.out_ms) })}`;
    item.append(element("b", excursion.bound), element("span", ends(excursion.began_ms, excursion.closed_ms)), element("span", `${peak}${out}`));
    return item;
  }));
}

function showCustody() {
  $("custody-card").hidden = !view.custody.length;
  $("custody").replaceChildren(...view.custody.map(custody => {
    const item = element("li");
    const what = element("span");
    what.append(element("b", custody.decision?.says ?? custody.step_says), custody.place_says && ` · ${custody.place_says}`);
    if (custody.via.length) what.append(element("small", via(custody.via)));
    item.append(element("span", stamp.format(custody.at_ms), "time"), what);
    return item;
  }));
}

function showDecisions() {
  $("decisions").replaceChildren(...view.custody.filter(custody => custody.decision).map(({ at_ms: at, decision }) =>
    element("li", say("ship_decided", { ...decision, time: stamp.format(at) }), decision.decision)));
}

// ---------------------------------------------------------------- the decision

// As crypto.randomUUID, which browsers keep from pages without TLS.
function randomUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

let pending = null; // its eventID is made once, so that what is sent again counts once

$("decide").addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target.elements;
  const choice = event.submitter?.value ?? "";
  if (!choice) return;
  const said = { id: view.id, decision: choice, reason: form.reason.value, name: form.name.value, place: form.place.value.trim() };
  if (JSON.stringify(said) !== pending?.said) pending = { said: JSON.stringify(said), eventID: `urn:uuid:${randomUuid()}` };
  const body = JSON.stringify({ ...said, eventID: pending.eventID });
  for (const button of event.target.querySelectorAll("button")) button.disabled = true;
  try {
    await ask("/telemetry/decisions", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    pending = null;
    form.reason.value = "";
    await open();
    tell(say("ship_recorded"));
  } catch (error) {
    tell(error.message, true);
  } finally {
    for (const button of event.target.querySelectorAll("button")) button.disabled = false;
  }
});

$("report").addEventListener("click", async () => {
  $("report").disabled = true;
  try {
    const query = new URLSearchParams({ id: view.id, lang: LANGUAGE.slice(0, 2) });
    const answer = await ask(`/telemetry/report?${query}`, { headers: { Accept: "application/pdf" } });
    const link = element("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "temperature-report.pdf";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_MS);
  } catch (error) {
    tell(error.message, true);
  } finally {
    $("report").disabled = false;
  }
});

// ---------------------------------------------------------------- hands

const canvas = $("curve");
const pointers = new Map();
let grip = null; // where a drag or a pinch began

const place = event => event.clientX - canvas.getBoundingClientRect().left;

canvas.addEventListener("pointerdown", event => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, place(event));
  grip = { span, at: [...pointers.values()], isMouse: event.pointerType === "mouse" };
});

canvas.addEventListener("pointermove", event => {
  if (!pointers.has(event.pointerId)) return readOff(event);
  pointers.set(event.pointerId, place(event));
  const now = [...pointers.values()];
  if (now.length === 2) pinch(now);
  else if (grip.isMouse) redraw(chosen(now[0]));
  else {
    const moved = timeAt(canvas, grip.at[0], grip.span) - timeAt(canvas, now[0], grip.span);
    look(grip.span.from + moved, grip.span.to + moved);
  }
});

for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => {
  if (!pointers.has(event.pointerId)) return;
  const isChoice = end === "pointerup" && grip.isMouse && Math.abs(place(event) - grip.at[0]) > 6;
  const part = chosen(place(event));
  pointers.delete(event.pointerId);
  if (isChoice) look(part.from, part.to);
  else redraw();
  grip = pointers.size ? { span, at: [...pointers.values()], isMouse: false } : null;
});

canvas.addEventListener("dblclick", () => look(whole.from, whole.to));
canvas.addEventListener("pointerleave", () => ($("read-off").textContent = ""));

function chosen(x) {
  const [a, b] = [timeAt(canvas, grip.at[0], span), timeAt(canvas, x, span)].sort((p, q) => p - q);
  return { from: Math.max(a, span.from), to: Math.min(b, span.to) };
}

function pinch(now) {
  if (grip.at.length < 2) return;
  const [before, after] = [Math.abs(grip.at[1] - grip.at[0]), Math.abs(now[1] - now[0])];
  const length = (grip.span.to - grip.span.from) * (before / Math.max(20, after));
  const held = timeAt(canvas, (grip.at[0] + grip.at[1]) / 2, grip.span);
  const part = (timeAt(canvas, (now[0] + now[1]) / 2, grip.span) - grip.span.from) / (grip.span.to - grip.span.from);
  look(held - part * length, held + (1 - part) * length);
}

function readOff(event) {
  if (!view || event.pointerType !== "mouse") return;
  const at = timeAt(canvas, place(event), span);
  const point = nearest(view, quantity, at, (span.to - span.from) / 40);
  const unit = view.legs.find(leg => leg.quantities[quantity])?.quantities[quantity].unit ?? "";
  $("read-off").textContent = point ? `${stamp.format(point[0])}: ${point[1]} ${unit}` : "";
}

const BUTTONS = { in: () => zoom(0.5), out: () => zoom(2), all: () => look(whole.from, whole.to), earlier: () => shift(-0.5), later: () => shift(0.5) };
for (const [name, act] of Object.entries(BUTTONS)) $(name).addEventListener("click", act);
$("quantity").addEventListener("change", event => {
  quantity = event.target.value;
  redraw();
});
$("key-form").addEventListener("submit", event => {
  event.preventDefault();
  open();
});

let width = 0;
new ResizeObserver(() => {
  if (canvas.clientWidth === width || !view) return;
  width = canvas.clientWidth;
  redraw();
}).observe(canvas);

if (recallKey()) open();
else $("key-form").open = true;
