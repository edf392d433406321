// Sends the queue, one event at a time, in the order of the taps. Sending again is safe: the server knows the same
// bytes with the same eventID and answers as before, so an answer that got lost costs nothing.

import { send } from "../ask.js";
import { nextEvent, putEvent, removeEvent } from "./queue.js";

const TIMEOUT_MS = 20_000;
const PAUSE_MIN_MS = 2_000;
const PAUSE_MAX_MS = 300_000;
const DETAIL_MAX = 2_000;
const WHYS = { 403: "scan_why_right", 409: "scan_why_known" }; // what the reader is told before the server's own words

// `keyOf` gives the API key of now; `tell({state, event})` is called after every change: "sent", "refused",
// "warned", "no signal", "key refused".
export function startSync(keyOf, tell) {
  let pause = PAUSE_MIN_MS;
  let timer;

  async function sync() {
    clearTimeout(timer);
    // One tab sends at a time; another one waits here and then finds the queue empty.
    const stopped = await navigator.locks.request("suyuan-scan-sync", () => sendAll(keyOf, tell));
    pause = stopped ? Math.min(pause * 2, PAUSE_MAX_MS) : PAUSE_MIN_MS;
    clearTimeout(timer);
    if (stopped) timer = setTimeout(sync, pause);
  }

  const now = () => {
    pause = PAUSE_MIN_MS;
    return sync();
  };
  window.addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && now());
  now();
  return now;
}

// Why it stopped before the queue was empty, or "".
async function sendAll(keyOf, tell) {
  for (let event = await nextEvent(); event; event = await nextEvent()) {
    if (!keyOf()) return told("key refused", event, tell);
    const outcome = await capture(event.body, keyOf());
    if (outcome.stop) return told(outcome.stop, event, tell);
    if (outcome.state === "sent") await removeEvent(event.number);
    else await putEvent({ ...event, ...outcome });
    tell({ state: outcome.state, event });
  }
  return "";
}

function told(state, event, tell) {
  tell({ state, event });
  return state;
}

async function capture(body, key) {
  try {
    const headers = { "Content-Type": "application/ld+json" };
    const answer = await send("/epcis/capture", key, { method: "POST", body, headers, timeoutMs: TIMEOUT_MS });
    const { status } = answer;
    if (status === 401) return { stop: "key refused" };
    if (status >= 500 || status === 408 || status === 429 || status < 200) return { stop: "no signal" };
    return judge(answer.ok, await answer.json().catch(() => ({})), status);
  } catch {
    return { stop: "no signal" };
  }
}

function judge(ok, said, status) {
  const problems = [said.detail ?? said.title, ...(said.problems ?? said.warnings ?? []).map(line)].filter(Boolean);
  const detail = problems.join("\n").slice(0, DETAIL_MAX) || `HTTP ${status}`;
  if (!ok) return { state: "refused", why: WHYS[status] ?? "scan_why_content", detail };
  return said.warnings?.length ? { state: "warned", why: "scan_why_rule", detail } : { state: "sent", detail: "" };
}

const line = problem => problem.message ?? problem.warning ?? JSON.stringify(problem);
