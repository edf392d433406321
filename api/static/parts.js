// What every page with a script has: its elements, its texts in the reader's language, its line of messages.

export const $ = id => document.getElementById(id);
export const LANGUAGE = document.documentElement.lang;
const TEXTS = JSON.parse($("texts").textContent);
export const say = (key, blanks = {}) => TEXTS[key].replace(/\{(\w+)\}/g, (_, name) => blanks[name] ?? "");

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

export function tell(text, isBad = false) {
  $("message").textContent = text;
  $("message").classList.toggle("bad", isBad);
  $("message").hidden = !text;
}
