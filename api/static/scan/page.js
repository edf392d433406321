// The page: a scan becomes an item on the screen, a tap becomes an event in the queue.

import { accepted, readJson, send } from "../ask.js";
import { $, LANGUAGE, say } from "../parts.js";
import { makeCamera } from "./camera.js";
import { identify } from "./codes.js";
import { makeEvent } from "./events.js";
import { addEvent, allEvents, keepItem, keptItem, removeEvent } from "./queue.js";
import { signal } from "./signals.js";
import { startSync } from "./sync.js";

const LOOKUP_TIMEOUT_MS = 8_000;
const WEDGE_GAP_MS = 1_000; // a longer pause begins a new code
const ALL_STEPS = $("texts").dataset.steps.split(" ");
const lang = LANGUAGE.slice(0, 2);
const CONTAINED = new Set(["packing", "unpacking"]);
const stored = name => localStorage.getItem(`scan-${name}`) ?? "";
const others = new BroadcastChannel("suyuan-scan");

let shown = null; // the item on the screen
let chosen = null; // the step tapped, and its parent
let listed = []; // the places found last
let searches = 0;
let lookups = 0; // an answer to an earlier scan must not replace a later one
let sync = () => {};

// --- scan -> item

async function scanned(text) {
  if (!text.trim()) return;
  if (chosen?.wantsParent) return takeParent(text);
  const turn = ++lookups;
  show(null);
  tell(say("scan_looking"));
  const found = await lookUp(text);
  if (turn !== lookups) return;
  signal(!found.error && found.item.verdict.kind !== "refuted" && found.item.cold_chain?.state !== "out_of_range");
  if (found.error) return tell(`${say("scan_wrong")}: ${found.error}`, "bad");
  tell("");
  show(found);
}

// {item, asOf} with asOf 0 for an answer of now; {error} when the server or the symbol itself says that it is wrong.
async function lookUp(text) {
  try {
    const query = new URLSearchParams({ text, lang });
    const answer = await send(`/scan/item?${query}`, "", { timeoutMs: LOOKUP_TIMEOUT_MS });
    if (answer.ok) {
      const item = await answer.json();
      await keepItem(text, item).catch(() => {});
      return { item, asOf: 0 };
    }
    if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
      return { error: (await answer.json().catch(() => ({}))).detail ?? `HTTP ${answer.status}` };
    }
  } catch {
    // No answer: what the phone knows.
  }
  const kept = await keptItem(text).catch(() => undefined);
  return kept ? { item: kept.item, asOf: kept.asOf } : { item: unchecked(text), asOf: 0 };
}

function unchecked(text) {
  const named = identify(text);
  return {
    uri: named?.uri ?? "",
    is_class: named?.isClass ?? false,
    parent: null,
    name: "",
    code: text.replaceAll("\x1d", "␝"),
    verdict: { kind: "undetermined", title: say("scan_not_checked"), sentence: named ? "" : say("scan_need_signal") },
    cold_chain: null,
    steps: named ? ALL_STEPS : [],
  };
}

function show(found) {
  shown = found?.item ?? null;
  choose(null);
  $("item").hidden = !shown;
  if (!shown) return;
  const { verdict, cold_chain: cold } = shown;
  put("verdict", verdict.title, `answer ${found.asOf ? "" : verdict.kind}`);
  put("verdict-says", verdict.sentence);
  put("item-name", shown.name || shown.code);
  put("item-code", shown.name ? shown.code : "");
  put("cold", cold ? `${say("scan_cold")}: ${cold.sentence}` : "", `answer small ${found.asOf ? "" : cold?.state}`);
  put("as-of", found.asOf ? say("scan_as_of", { time: new Date(found.asOf).toLocaleString(LANGUAGE) }) : "");
  $("details").href = `/item?id=${encodeURIComponent(shown.uri)}`;
  $("details").hidden = !shown.uri;
  $("shipment").href = `/shipment?id=${encodeURIComponent(shown.uri)}`;
  $("curve").hidden = !shown.has_curve;
  $("steps").replaceChildren(...shown.steps.map(stepButton));
  if (!shown.steps.length && shown.uri) tell(say("scan_ended"));
  $("item").scrollIntoView({ block: "start" });
}

function stepButton(step) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = step;
  button.textContent = say(`do_${step}`);
  button.onclick = () => choose(step);
  return button;
}

// --- item -> event

function choose(step) {
  const parent = step === "unpacking" && shown.parent ? { uri: shown.parent, isClass: false } : null;
  chosen = step && { step, parent, wantsParent: CONTAINED.has(step) && !parent };
  $("steps").hidden = Boolean(step);
  $("confirm").hidden = !step;
  $("record").hidden = Boolean(chosen?.wantsParent);
  $("record").className = `large ${step ?? ""}`;
  if (!step) return;
  $("record").textContent = say("scan_confirm", { step: label() });
  if (chosen.wantsParent) tell(say("scan_parent"));
}

const label = () => `${say(`do_${chosen.step}`)}${chosen.parent ? ` · ${lastKey(chosen.parent.uri)}` : ""}`;
const lastKey = uri => uri.replace(/^.*\/(\d{2,4})\/([^/]+)$/, "($1) $2");

async function takeParent(text) {
  const choice = chosen;
  const found = await lookUp(text);
  if (choice !== chosen) return;
  const problem = found.error ?? parentProblem(found.item);
  signal(!problem);
  if (problem) return tell(problem, "bad");
  chosen = { ...chosen, parent: { uri: found.item.uri, isClass: false }, wantsParent: false };
  $("record").hidden = false;
  $("record").textContent = say("scan_confirm", { step: label() });
  tell("");
}

function parentProblem(parent) {
  if (!parent.uri) return say("scan_need_signal");
  if (parent.uri === shown.uri) return say("scan_same");
  return parent.is_class ? say("scan_parent_class") : "";
}

async function record() {
  if (!chosen || chosen.wantsParent) return;
  if (!stored("key") || !stored("place")) return setUp();
  const { step, parent } = chosen;
  const item = { uri: shown.uri, isClass: shown.is_class };
  const name = shown.name || shown.code;
  choose(null); // a second tap of the same thumb finds nothing to record
  try {
    await addEvent({ ...makeEvent({ step, item, parent, place: stored("place") }), step, name });
  } catch (error) {
    signal(false);
    return tell(String(error), "bad");
  }
  signal(true);
  show(null);
  tell(say("scan_queued", { step: `${say(`do_${step}`)} · ${name}` }), "good");
  await refresh();
  sync();
}

// --- the queue on the screen

async function refresh() {
  const events = await allEvents();
  const waiting = events.filter(event => event.state === "waiting");
  $("pending-count").textContent = waiting.length;
  $("pending").classList.toggle("some", waiting.length > 0);
  if (!waiting.length) $("pending-why").textContent = "";
  const problems = events.filter(event => event.state !== "waiting");
  $("problems").hidden = !problems.length;
  $("problem-list").replaceChildren(...problems.map(problemEntry));
}

function problemEntry(event) {
  const entry = document.createElement("li");
  const title = document.createElement("b");
  title.textContent = `${say(event.state === "refused" ? "scan_conflicts" : "scan_warned")}: ${say(`do_${event.step}`)} · ${event.name}`;
  const why = document.createElement("span");
  why.textContent = event.why ? say(event.why) : "";
  const detail = document.createElement("small");
  detail.textContent = event.detail;
  const discard = document.createElement("button");
  discard.type = "button";
  discard.className = "large plain";
  discard.textContent = say("scan_discard");
  discard.onclick = async () => {
    await removeEvent(event.number);
    changed();
  };
  entry.append(title, why, detail, discard);
  return entry;
}

function synced({ state, event }) {
  const step = `${say(`do_${event.step}`)} · ${event.name}`;
  if (state === "no signal") $("pending-why").textContent = say("scan_waiting_signal");
  else if (state === "key refused") $("pending-why").textContent = say("scan_key_refused");
  else if (state === "sent") tell(say("scan_sent", { step }), "good");
  else {
    signal(false);
    tell(`${say(state === "refused" ? "scan_conflicts" : "scan_warned")}: ${step}`, "bad");
  }
  changed();
}

function changed() {
  others.postMessage("changed");
  return refresh();
}

// --- settings

function setUp() {
  const missing = !stored("key") || !stored("place");
  $("setup").hidden = !missing;
  if (missing) $("settings").open = true;
}

// Lists what the node finds, behind `after`; where it gives no answer, what the phone keeps is looked through.
async function findPlaces(after = "") {
  const turn = ++searches;
  const text = $("place-text").value.trim();
  let found;
  let problem = "";
  try {
    const query = new URLSearchParams({ lang, text, after });
    const answer = await accepted(await send(`/scan/places?${query}`, stored("key"), { timeoutMs: LOOKUP_TIMEOUT_MS }));
    found = await readJson(answer);
    if (!text && !after) keepPlaces(found.places);
  } catch (error) {
    problem = error.message;
    found = { places: keptPlaces().filter(place => hasText(place, text)), next: "" };
  }
  if (turn !== searches) return;
  listPlaces(after && !problem ? [...listed, ...found.places] : found.places, found.next);
  $("settings-says").textContent = problem || say(listed.length ? "scan_place_found" : "scan_place_none", { count: listed.length });
}

const hasText = ({ name, uri }, text) => `${name} ${uri}`.toLowerCase().includes(text.toLowerCase());
const keptPlaces = () => JSON.parse(stored("places") || "[]");
// What can be chosen without a signal.
const keepPlaces = places => localStorage.setItem("scan-places", JSON.stringify(withHere(places, [...listed, ...keptPlaces()])));

// `places` and, as `known` has it, the one where the phone is.
function withHere(places, known) {
  const here = known.find(({ uri }) => uri === stored("place"));
  return !here || places.some(({ uri }) => uri === here.uri) ? places : [here, ...places];
}

function listPlaces(places, next = "") {
  const options = [{ uri: "", name: "—" }, ...withHere(places, keptPlaces())];
  $("place").replaceChildren(...options.map(({ uri, name }) => new Option(name, uri, false, uri === stored("place"))));
  listed = places;
  $("place-more").hidden = !next;
  $("place-more").value = next;
  setUp();
}

// --- parts of the page

function put(id, text, className) {
  $(id).textContent = text;
  $(id).hidden = !text;
  if (className !== undefined) $(id).className = className;
}

const tell = (text, kind = "") => put("message", text, `notice ${kind}`);

function wireCamera() {
  const camera = makeCamera($("video"), scanned, reason => {
    tell(say("scan_no_camera", { reason }), "bad");
    showCamera(null);
  });
  const showCamera = state => {
    $("video").hidden = $("camera-stop").hidden = !state;
    $("camera-start").hidden = Boolean(state);
    $("camera-next").hidden = !(state?.cameras > 1);
    $("torch").hidden = !state?.torch;
    $("torch").setAttribute("aria-pressed", "false");
  };
  $("camera-start").onclick = async () => showCamera(await camera.start());
  $("camera-next").onclick = async () => showCamera(await camera.next());
  $("camera-stop").onclick = () => showCamera(camera.stop() ?? null);
  $("torch").onclick = async () => {
    const on = $("torch").getAttribute("aria-pressed") !== "true";
    await camera.torch(on).catch(error => tell(error.message, "bad"));
    $("torch").setAttribute("aria-pressed", String(on));
  };
}

// A scanner that types: quick keys ended by Enter, wherever the focus is. Some send GS as a key of its own (F8, Ctrl+]).
function wireWedge() {
  let typed = "";
  let last = 0;
  document.addEventListener("keydown", event => {
    if (event.target.closest("input, select, textarea")) return;
    if (event.timeStamp - last > WEDGE_GAP_MS) typed = "";
    last = event.timeStamp;
    if (event.key === "F8" || (event.ctrlKey && event.key === "]")) typed += "\x1d";
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) typed += event.key;
    else if (event.key === "Enter" && typed.length > 3) {
      event.preventDefault(); // or Enter would press the button that has the focus
      scanned(typed);
      typed = "";
    }
  });
}

function wire() {
  $("typed").onsubmit = event => {
    event.preventDefault();
    const text = $("code").value;
    $("code").value = "";
    $("code").blur();
    scanned(text);
  };
  $("record").onclick = record;
  $("cancel").onclick = () => (tell(""), choose(null));
  $("pending").onclick = () => sync();
  $("key-form").onsubmit = event => {
    event.preventDefault();
    if ($("key").value.trim()) localStorage.setItem("scan-key", $("key").value.trim());
    $("key").value = $("place-text").value = "";
    findPlaces().then(sync);
  };
  $("place-form").onsubmit = event => {
    event.preventDefault();
    findPlaces();
  };
  $("place-text").oninput = () => ($("place-more").hidden = true); // there are more of what was looked for, not of this
  $("place-more").onclick = () => findPlaces($("place-more").value);
  $("place").onchange = () => {
    localStorage.setItem("scan-place", $("place").value);
    keepPlaces(keptPlaces());
    setUp();
  };
  others.onmessage = refresh;
  wireCamera();
  wireWedge();
}

wire();
listPlaces(keptPlaces());
await refresh();
if (isSecureContext) {
  navigator.storage?.persist?.(); // ask that a full phone does not throw the queue away
  await navigator.serviceWorker.register("/scan/worker.js", { scope: "/scan" }).catch(error => console.warn(error));
  sync = startSync(() => stored("key"), synced);
} else {
  $("insecure").hidden = false;
}
