// What a scan names, found on the phone alone: the keys of goods in motion, GTIN, SSCC and their EPC URNs.
// The server's answer comes first whenever there is one; this is for when there is none.
// Source: GS1 General Specifications, 3.2 and 7.9 (check digit); GS1 Digital Link URI syntax 1.4.

const STEM = "https://id.gs1.org";
const GS = "\x1d";
// Fixed lengths of values without a separator after them (General Specifications, 7.8.5), by two digits of the AI.
const FIXED = { "00": 18, "01": 14, "02": 14, "03": 14, "11": 6, "12": 6, "13": 6, "15": 6, "16": 6, "17": 6, "20": 2 };
const VARIABLE = new Set(["10", "21", "22", "37", "30", "240", "241", "250", "400", "410"]);

// {uri, isClass}, or null where only the server can tell.
export function identify(scan) {
  const text = scan.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  const prefix = /^\](C1|d2|Q3|C0|d1|Q0|Q1|E0|I1)/.exec(text);
  if (text.startsWith("]") && !prefix) return null;
  const body = prefix ? text.slice(3) : text;
  if ((prefix && /C1|d2|Q3/.test(prefix[1])) || body.includes(GS)) return fromElements(splitElements(body));
  if (body.startsWith("(")) return fromElements(splitBrackets(body));
  if (/^(\d{8}|\d{12,14})$/.test(body)) return fromElements({ "01": body.padStart(14, "0") });
  if (/^\d{18}$/.test(body)) return fromElements({ "00": body });
  if (/^urn:epc:id:(sgtin|sscc):[\d.]+/.test(body)) return { uri: body, isClass: false };
  if (/^urn:epc:class:lgtin:[\d.]+/.test(body)) return { uri: body, isClass: true };
  return /^https?:\/\//i.test(body) ? fromLink(body) : null;
}

function fromElements(values) {
  if (!values) return null;
  if (values["00"]) return checked(values["00"], 18) ? { uri: `${STEM}/00/${values["00"]}`, isClass: false } : null;
  if (!values["01"] || !checked(values["01"], 14)) return null;
  const gtin = `${STEM}/01/${values["01"]}`;
  if (values["21"]) return { uri: `${gtin}/21/${encode(values["21"])}`, isClass: false };
  if (values["10"]) return { uri: `${gtin}/10/${encode(values["10"])}`, isClass: true };
  return { uri: gtin, isClass: true };
}

function splitElements(text) {
  const values = {};
  let rest = text.replace(/^\x1d/, "");
  while (rest) {
    const code = [rest.slice(0, 2), rest.slice(0, 3)].find(ai => FIXED[ai] || VARIABLE.has(ai));
    if (!code) return null;
    rest = rest.slice(code.length);
    const end = FIXED[code] ?? (rest.includes(GS) ? rest.indexOf(GS) : rest.length);
    const value = rest.slice(0, end);
    if (value.length < (FIXED[code] ?? 1) || !put(values, code, value)) return null;
    rest = rest.slice(end).replace(/^\x1d/, "");
  }
  return values;
}

function splitBrackets(text) {
  const values = {};
  if (!/^(\(\d{2,4}\)[^(]+)+$/.test(text)) return null;
  for (const [, code, value] of text.matchAll(/\((\d{2,4})\)([^(]+)/g)) {
    if (!put(values, code, value.trim())) return null;
  }
  return values;
}

function fromLink(text) {
  let url;
  try {
    url = new URL(text);
    const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
    const at = parts.findIndex((part, i) => (part === "01" || part === "00") && /^\d{8,18}$/.test(parts[i + 1] ?? ""));
    if (at < 0) return null;
    const values = {};
    for (let i = at; i + 1 < parts.length; i += 2) {
      if (!put(values, parts[i], parts[i] === "01" ? parts[i + 1].padStart(14, "0") : parts[i + 1])) return null;
    }
    return fromElements(values);
  } catch {
    return null;
  }
}

// Two values of one AI are two labels: the server says so.
function put(values, code, value) {
  if (code === "235" || (values[code] ?? value) !== value) return false;
  values[code] = value;
  return true;
}

// The last digit makes the weighted sum a multiple of ten, weights 3 and 1 from the right.
function checked(digits, length) {
  if (!new RegExp(`^\\d{${length}}$`).test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, i) => total + Number(digit) * (i % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

const encode = text => encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
