// The page of resolutions: asks for the statistics of the reader's prefixes and draws them.

const TIMEOUT_MS = 60_000;
const HOUR_MS = 3_600_000;
const COLUMNS_MAX = 168;
const $ = id => document.getElementById(id);
const TEXTS = JSON.parse($("texts").textContent);
const number = new Intl.NumberFormat(TEXTS.language);
const moment = new Intl.DateTimeFormat(TEXTS.language, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });

// The key stays in this tab; it is the one of the other pages, where there is one.
$("key").value = sessionStorage.getItem("links-key") ?? localStorage.getItem("scan-key") ?? "";

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

const within = ms => ms === null ? TEXTS.beyond : `≤ ${number.format(ms)} ms`;
const milliseconds = ms => ms === null ? "–" : `${number.format(ms)} ms`;
const prefixName = row => row.prefix === "*" ? TEXTS.others : row.prefix || (row.scheme ? TEXTS.no_prefix : TEXTS.unreadable);

async function ask() {
  const key = $("key").value.trim();
  sessionStorage.setItem("links-key", key);
  let answer;
  try {
    answer = await fetch(`/resolution/statistics?${new URLSearchParams({ days: $("days").value })}`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), headers: { Accept: "application/json", Authorization: `Bearer ${key}` } });
  } catch {
    throw new Error(TEXTS.no_answer);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? `HTTP ${answer.status}`);
  return body;
}

function show(found) {
  const facts = [["count", number.format(found.total.count)], ["mean", milliseconds(found.total.meanMs)], ...["p50", "p95", "p99"].map(p => [p, found.total.count ? within(found.total[`${p}Ms`]) : "–"])];
  $("total").replaceChildren(...facts.map(([name, value]) => {
    const fact = document.createElement("div");
    fact.append(element("dt", TEXTS[name]), element("dd", value, { class: "big" }));
    return fact;
  }));
  $("none").hidden = found.total.count > 0;
  showHours(found);
  const most = Math.max(1, ...found.total.latency.map(part => part.count));
  $("latency").replaceChildren(...found.total.latency.map(part => {
    const line = document.createElement("li");
    const bar = element("span", "", { class: "bar" });
    bar.style.width = `${100 * part.count / most}%`;
    line.append(element("span", within(part.ms)), bar, element("span", number.format(part.count)));
    return line;
  }));
  $("rows").replaceChildren(...found.rows.map(row));
  $("left-out").hidden = found.rowsLeftOut === 0;
  $("left-out").textContent = TEXTS.left_out.replace("{count}", number.format(found.rowsLeftOut));
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
    const text = `${moment.format(start + index * each * HOUR_MS)}: ${number.format(count)}`;
    const column = element("li", "", { title: text, "aria-label": text });
    column.style.height = `${100 * count / most}%`;
    return column;
  }));
  $("first").textContent = moment.format(start);
  $("last").textContent = moment.format(stop);
}

function row(told) {
  const line = document.createElement("tr");
  const prefix = document.createElement("td");
  prefix.append(element("b", prefixName(told)), element("small", TEXTS.schemes[told.scheme] ?? told.scheme));
  const cells = [["interface", TEXTS[`by_${told.interface}`]], ["source", TEXTS[`from_${told.source}`]], ["outcome", TEXTS[`was_${told.outcome}`]], ["count", number.format(told.count)], ["mean", milliseconds(told.meanMs)], ["p99", within(told.p99Ms)]];
  line.append(prefix, ...cells.map(([name, text]) => element("td", text, { "data-name": TEXTS[name], ...(name === "outcome" && told.outcome === "failed" ? { class: "bad" } : {}) })));
  return line;
}

$("ask").addEventListener("submit", async event => {
  event.preventDefault();
  $("message").hidden = true;
  try {
    show(await ask());
  } catch (error) {
    $("message").textContent = error.message;
    $("message").hidden = false;
  }
});
