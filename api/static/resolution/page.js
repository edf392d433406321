// The page of resolutions: asks for the statistics of the reader's prefixes and draws them.

import { askJson, recallKey } from "../ask.js";
import { $, element, LANGUAGE, say, tell } from "../parts.js";

const HOUR_MS = 3_600_000;
const COLUMNS_MAX = 168;
const number = new Intl.NumberFormat(LANGUAGE);
const moment = new Intl.DateTimeFormat(LANGUAGE, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });

const text = key => say(`resolution_${key}`);
const within = ms => ms === null ? text("beyond") : `≤ ${number.format(ms)} ms`;
const milliseconds = ms => ms === null ? "–" : `${number.format(ms)} ms`;
const prefixName = row => row.prefix === "*" ? text("others") : row.prefix || (row.scheme ? text("no_prefix") : text("unreadable"));

function show(found) {
  const facts = [["count", number.format(found.total.count)], ["mean", milliseconds(found.total.meanMs)], ...["p50", "p95", "p99"].map(p => [p, found.total.count ? within(found.total[`${p}Ms`]) : "–"])];
  $("total").replaceChildren(...facts.map(([name, value]) => {
    const fact = document.createElement("div");
    fact.append(element("dt", text(name)), element("dd", value, "big"));
    return fact;
  }));
  $("none").hidden = found.total.count > 0;
  showHours(found);
  const most = Math.max(1, ...found.total.latency.map(part => part.count));
  $("latency").replaceChildren(...found.total.latency.map(part => {
    const line = document.createElement("li");
    const bar = element("span", "", "bar");
    bar.style.width = `${100 * part.count / most}%`;
    line.append(element("span", within(part.ms)), bar, element("span", number.format(part.count)));
    return line;
  }));
  $("rows").replaceChildren(...found.rows.map(row));
  $("left-out").hidden = found.rowsLeftOut === 0;
  $("left-out").textContent = say("resolution_left_out", { count: number.format(found.rowsLeftOut) });
  $("found").hidden = false;
}

function showHours(found) {
  const start = Date.parse(found.from), stop = Date.parse(found.until);
  const hours = Math.max(1, Math.ceil((stop - start) / HOUR_MS));
  const each = Math.ceil(hours / COLUMNS_MAX);
  const counts = Array(Math.ceil(hours / each)).fill(0);
  for (const hour of found.hours) counts[Math.floor((Date.parse(hour.time) - start) / HOUR_MS / each)] += hour.count;
  const most = Math.max(1, ...counts);
  $("hours").replaceChildren(...counts.map((count, index) => {
    const column = element("li");
    column.title = `${moment.format(start + index * each * HOUR_MS)}: ${number.format(count)}`;
    column.setAttribute("aria-label", column.title);
    column.style.height = `${100 * count / most}%`;
    return column;
  }));
  $("first").textContent = moment.format(start);
  $("last").textContent = moment.format(stop);
}

function row(told) {
  const line = document.createElement("tr");
  const prefix = document.createElement("td");
  prefix.append(element("b", prefixName(told)), element("small", told.scheme && say(`scheme_${told.scheme}`)));
  const cells = [["interface", text(`by_${told.interface}`)], ["source", text(`from_${told.source}`)], ["outcome", text(`was_${told.outcome}`)], ["count", number.format(told.count)], ["mean", milliseconds(told.meanMs)], ["p99", within(told.p99Ms)]];
  line.append(prefix, ...cells.map(([name, value]) => cell(name, value, name === "outcome" && told.outcome === "failed" ? "bad" : "")));
  return line;
}

function cell(name, value, className) {
  const made = element("td", value, className);
  made.dataset.name = text(name);
  return made;
}

$("ask").addEventListener("submit", async event => {
  event.preventDefault();
  tell("");
  try {
    show(await askJson(`/resolution/statistics?${new URLSearchParams({ days: $("days").value })}`));
  } catch (error) {
    tell(error.message, true);
  }
});
recallKey();
