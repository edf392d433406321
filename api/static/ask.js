// Questions to this node with the reader's API key. Every error that they throw says in the reader's words what is wrong.
// A key stays in its tab once the node has taken it; the scan page keeps one on the device, which then stands here too.

import { $, say } from "./parts.js";

const KEPT = "api-key";
const TIMEOUT_MS = 60_000;
const unreached = () => Promise.reject(new Error(say("ask_no_answer")));

// Puts the key that is kept into the page's field, and says whether there is one.
export function recallKey() {
  $("key").value = sessionStorage.getItem(KEPT) ?? localStorage.getItem("scan-key") ?? "";
  return $("key").value !== "";
}

// The JSON that answers a question with the key of the page's field.
export const askJson = async (path, options) => readJson(await ask(path, options));

export async function ask(path, options) {
  const key = $("key").value.trim();
  const answer = await accepted(await send(path, key, options));
  if (key) sessionStorage.setItem(KEPT, key);
  return answer;
}

// The node's answer, whatever its status.
export function send(path, key, { timeoutMs = TIMEOUT_MS, headers, ...options } = {}) {
  // A key is of letters, digits and "_"; what no header may hold is encoded too, so that the node calls it no key.
  const authorization = key && { Authorization: `Bearer ${encodeURIComponent(key)}` };
  const asked = { Accept: "application/json", ...authorization, ...headers };
  return fetch(path, { cache: "no-store", signal: AbortSignal.timeout(timeoutMs), ...options, headers: asked }).catch(unreached);
}

// The answer that grants what was asked for; throws an Error with the node's `problems` where it grants nothing.
export async function accepted(answer) {
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(whyNot(answer.status, said.detail ?? `HTTP ${answer.status}`)), { problems: said.problems ?? [] });
}

export const readJson = answer => answer.json().catch(unreached);

function whyNot(status, why) {
  if (status === 401) return say("ask_need_key");
  return status === 403 ? say("ask_not_allowed", { why }) : why;
}
