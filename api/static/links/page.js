// The page of links: lists those of an identifier, and lets its owner put, remove and import them.

import { ask, askJson, recallKey } from "../ask.js";
import { $, element, say, tell } from "../parts.js";

const FAULTS_SHOWN = 50;
const add = $("add").elements;
const list = text => text.split(",").map(part => part.trim()).filter(Boolean);

async function attempt(work) {
  $("faults").replaceChildren();
  tell("");
  try {
    await work();
  } catch (error) {
    tell(error.message, true);
    const faults = (error.problems ?? []).slice(0, FAULTS_SHOWN);
    $("faults").replaceChildren(...faults.map(fault => element("li", `${fault.pointer}: ${fault.message}`)));
  }
}

async function show() {
  const id = $("id").value.trim();
  const { links } = await askJson(`/links?${new URLSearchParams({ id })}`);
  const anchor = links[0]?.id ?? id;
  $("found").hidden = false;
  $("anchor").textContent = anchor;
  $("none").hidden = links.length > 0;
  $("list").replaceChildren(...links.map(shown));
  const path = anchor.replace("https://id.gs1.org", "");
  $("linkset").hidden = !path.startsWith("/");
  $("linkset").href = `${path}?linkType=linkset`;
}

function shown(link) {
  const item = document.createElement("li");
  const defaults = (link.default ?? []).map(kind => say(kind === "defaultLink" ? "links_default_one" : "links_default_multi"));
  const notes = [link.linkType, ...(link.hreflang ?? []), link.type, ...(link.context ?? []), ...defaults];
  const title = document.createElement("p");
  title.append(element("b", link.title));
  const address = document.createElement("p");
  const href = element("a", link.href);
  href.href = link.href;
  href.rel = "noreferrer";
  address.append(href);
  const remove = element("button", say("links_remove"));
  remove.type = "button";
  remove.setAttribute("aria-label", `${say("links_remove")}: ${link.title}`);
  remove.addEventListener("click", () => attempt(async () => {
    if (!confirm(say("links_sure", { title: link.title }))) return;
    await ask(`/links/${link.linkID}`, { method: "DELETE" });
    await show();
    tell(say("links_removed"));
  }));
  item.append(title, address, element("p", notes.filter(Boolean).join(" · "), "note"), remove);
  return item;
}

async function put(body, type, query = "") {
  const done = await askJson(`/links${query}`, { method: "POST", body, headers: { "Content-Type": type } });
  return say(query ? "links_would" : "links_done", done);
}

$("find").addEventListener("submit", event => {
  event.preventDefault();
  attempt(show);
});

$("add").addEventListener("submit", event => {
  event.preventDefault();
  attempt(async () => {
    if (!$("id").value.trim()) {
      $("id").focus();
      throw new Error(say("links_which"));
    }
    const link = { id: $("id").value.trim(), linkType: add.linkType.value.trim(), href: add.href.value.trim(), title: add.title.value, hreflang: list(add.hreflang.value), type: add.type.value.trim(), context: list(add.context.value), default: list(add.default.value) };
    const said = await put(JSON.stringify(link), "application/json");
    await show();
    tell(said);
  });
});

$("import").addEventListener("submit", event => {
  event.preventDefault();
  attempt(async () => {
    const file = event.target.elements.file.files[0];
    const type = file.name.toLowerCase().endsWith(".json") ? "application/json" : "text/csv";
    if (!$("key").value.trim()) {
      $("key").focus();
      throw new Error(say("ask_need_key"));
    }
    tell(await put(file, type, event.submitter.value ? "?dry_run=true" : ""));
    if (!event.submitter.value && $("id").value.trim()) await show();
  });
});

recallKey();
if (new URLSearchParams(location.search).has("id")) {
  $("id").value = new URLSearchParams(location.search).get("id");
  attempt(show);
}
