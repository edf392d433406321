// Draws one quantity of a shipment on a canvas: bands, times without data, excursions, the line, custody.

const LEFT = 44, RIGHT = 10, BOTTOM = 34, FLAG_ROW = 17, FLAG_ROWS_MAX = 3, NAMES_WIDTH = 560;
const INK = "#17211e", SOFT = "#55635e", LINE = "#dbe2df", BRAND = "#1c6b5a", BOUND = "#5b9e8c", RED = "#a32018";
const BAND = "#e6f3ec", OUT = "#a3201826", NO_DATA = "#eef0f4", HATCH = "#9aa3b5", CUSTODY = "#4a3c8c";
const FONT = '12px system-ui, -apple-system, "Segoe UI", "PingFang SC", "Noto Sans SC", "Microsoft YaHei", sans-serif';
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const TIME_STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 30 * DAY, 60 * DAY, 100 * DAY, 365 * DAY];

export const plotWidth = canvas => Math.max(50, canvas.clientWidth - LEFT - RIGHT);
export const timeAt = (canvas, x, span) => span.from + ((x - LEFT) / plotWidth(canvas)) * (span.to - span.from);

// `view` is an answer of /telemetry/curve, `span` the time to draw, `chosen` a part of it that is being chosen.
export function draw(canvas, view, quantity, span, { noData, language, chosen = null }) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  c.font = FONT;
  c.textBaseline = "middle";

  const legs = view.legs.filter(leg => leg.quantities[quantity]);
  const flags = placeFlags(c, view, span, width);
  const top = 8 + FLAG_ROW * (1 + Math.max(0, ...flags.map(flag => flag.row)));
  const [low, high] = valueRange(legs, quantity);
  const x = at => LEFT + ((at - span.from) / (span.to - span.from)) * (width - LEFT - RIGHT);
  const y = value => top + ((high - value) / (high - low)) * (height - top - BOTTOM);
  const box = { left: LEFT, right: width - RIGHT, top, bottom: height - BOTTOM };

  c.save();
  c.beginPath();
  c.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  c.clip();
  for (const leg of legs) drawGround(c, leg, quantity, x, y, box, noData);
  drawValueGrid(c, low, high, y, box);
  for (const leg of legs) drawLines(c, leg, quantity, x, y, box);
  for (const leg of legs) drawPeaks(c, leg, quantity, x, y, box);
  c.restore();

  drawAxes(c, legs[0]?.quantities[quantity].unit ?? "", low, high, y, box);
  drawTimes(c, span, x, box, language);
  for (const flag of flags) drawFlag(c, flag, x(flag.at_ms), box);
  if (chosen) {
    c.fillStyle = "#1c6b5a33";
    c.fillRect(x(chosen.from), box.top, x(chosen.to) - x(chosen.from), box.bottom - box.top);
  }
}

function valueRange(legs, quantity) {
  const values = legs.flatMap(leg => {
    const { lines, low, high } = leg.quantities[quantity];
    return [low, high, ...lines.flat().map(([, value]) => value)].filter(value => value !== null);
  });
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  if (low > high) return [0, 1];
  const room = (high - low) * 0.12 || 1;
  return [low - room, high + room];
}

function drawGround(c, leg, quantity, x, y, box, noData) {
  const { low, high, no_data: gaps } = leg.quantities[quantity];
  const [from, to] = [x(leg.shown_from_ms), x(leg.shown_to_ms)];
  const [above, below] = [high === null ? box.top : y(high), low === null ? box.bottom : y(low)];
  c.fillStyle = BAND;
  c.fillRect(from, above, to - from, below - above);
  for (const excursion of leg.excursions.filter(found => found.quantity === quantity)) {
    const start = x(excursion.began_ms);
    c.fillStyle = OUT;
    c.fillRect(start, box.top, Math.max(2, x(excursion.closed_ms ?? leg.shown_to_ms) - start), box.bottom - box.top);
  }
  for (const gap of gaps) drawGap(c, x(gap[0]), x(gap[1]), box, noData);
  c.strokeStyle = BOUND;
  c.setLineDash([6, 4]);
  for (const [bound, at] of [[high, above], [low, below]]) {
    if (bound === null) continue;
    c.beginPath();
    c.moveTo(from, at);
    c.lineTo(to, at);
    c.stroke();
  }
  c.setLineDash([]);
}

function drawGap(c, from, to, box, noData) {
  c.save();
  c.beginPath();
  c.rect(from, box.top, to - from, box.bottom - box.top);
  c.clip();
  c.fillStyle = NO_DATA;
  c.fillRect(from, box.top, to - from, box.bottom - box.top);
  c.strokeStyle = HATCH;
  c.lineWidth = 1;
  const tall = box.bottom - box.top;
  // The lines of the hatching stand still while the picture is moved.
  for (let at = Math.max(from, box.left) - tall - (Math.max(from, box.left) % 9); at < Math.min(to, box.right); at += 9) {
    c.beginPath();
    c.moveTo(at, box.bottom);
    c.lineTo(at + tall, box.top);
    c.stroke();
  }
  const wide = c.measureText(noData).width + 10;
  const [start, end] = [Math.max(from, box.left), Math.min(to, box.right)];
  if (end - start > wide) {
    const middle = (start + end) / 2;
    c.fillStyle = NO_DATA;
    c.fillRect(middle - wide / 2, box.bottom - 26, wide, 18);
    c.fillStyle = INK;
    c.textAlign = "center";
    c.fillText(noData, middle, box.bottom - 17);
  }
  c.restore();
}

function drawLines(c, leg, quantity, x, y, box) {
  const { lines, low, high } = leg.quantities[quantity];
  const [above, below] = [high === null ? box.top : y(high), low === null ? box.bottom : y(low)];
  const path = new Path2D();
  for (const line of lines) {
    line.forEach(([at, value], n) => (n ? path.lineTo(x(at), y(value)) : path.moveTo(x(at), y(value))));
    if (line.length === 1) path.arc(x(line[0][0]), y(line[0][1]), 1.5, 0, 2 * Math.PI);
  }
  // The same line in two colours: what lies in the band, and what lies outside.
  for (const [colour, parts] of [[BRAND, [[above, below]]], [RED, [[box.top, above], [below, box.bottom]]]]) {
    c.save();
    c.beginPath();
    for (const [start, end] of parts) c.rect(box.left, start, box.right - box.left, end - start);
    c.clip();
    c.strokeStyle = colour;
    c.lineWidth = 1.4;
    c.lineJoin = "round";
    c.stroke(path);
    c.restore();
  }
}

function drawPeaks(c, leg, quantity, x, y, box) {
  const { low, high } = leg.quantities[quantity];
  const beyond = ({ peak }) => Math.max(high === null ? -Infinity : peak - high, low === null ? -Infinity : low - peak);
  const found = leg.excursions.filter(each => each.quantity === quantity && each.peak !== null);
  const named = [];
  // Where two numbers have no room side by side, the one furthest out is told.
  for (const { peak, peak_ms: at } of found.sort((a, b) => beyond(b) - beyond(a))) {
    if (x(at) < box.left || x(at) > box.right) continue;
    c.fillStyle = RED;
    c.beginPath();
    c.arc(x(at), y(peak), 3.5, 0, 2 * Math.PI);
    c.fill();
    const text = `${peak}`;
    const wide = c.measureText(text).width;
    const start = Math.min(box.right - wide - 2, Math.max(box.left + 2, x(at) - wide / 2));
    if (named.some(([from, to]) => start < to && start + wide > from)) continue;
    named.push([start - 6, start + wide + 6]);
    const over = high !== null && peak >= high;
    c.textAlign = "left";
    c.strokeStyle = "#fff";
    c.lineWidth = 3;
    const down = Math.min(box.bottom - 8, Math.max(box.top + 8, y(peak) + (over ? -12 : 13)));
    c.strokeText(text, start, down);
    c.fillText(text, start, down);
  }
}

function valueSteps(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10);
  const steps = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) steps.push(Number((n * step).toFixed(6)));
  return steps;
}

function drawValueGrid(c, low, high, y, box) {
  c.strokeStyle = LINE;
  c.lineWidth = 1;
  for (const value of valueSteps(low, high)) {
    const at = Math.round(y(value)) + 0.5;
    c.beginPath();
    c.moveTo(box.left, at);
    c.lineTo(box.right, at);
    c.stroke();
  }
}

function drawAxes(c, unit, low, high, y, box) {
  c.fillStyle = SOFT;
  c.textAlign = "right";
  for (const value of valueSteps(low, high)) c.fillText(`${value}`, box.left - 6, y(value));
  c.textAlign = "left";
  c.fillText(unit, 4, box.top - 9);
  c.strokeStyle = SOFT;
  c.lineWidth = 1;
  c.strokeRect(box.left + 0.5, box.top + 0.5, box.right - box.left - 1, box.bottom - box.top - 1);
}

function drawTimes(c, span, x, box, language) {
  const most = Math.max(2, Math.floor((box.right - box.left) / 76));
  const step = TIME_STEPS.find(each => (span.to - span.from) / each <= most) ?? TIME_STEPS.at(-1);
  const shift = new Date(span.from).getTimezoneOffset() * MINUTE;
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false });
  const date = new Intl.DateTimeFormat(language, { month: "numeric", day: "numeric" });
  c.fillStyle = SOFT;
  c.strokeStyle = SOFT;
  c.textAlign = "center";
  let day = "";
  for (let at = Math.ceil((span.from - shift) / step) * step + shift; at < span.to; at += step) {
    c.beginPath();
    c.moveTo(x(at), box.bottom);
    c.lineTo(x(at), box.bottom + 4);
    c.stroke();
    const centre = Math.min(box.right - 16, Math.max(box.left + 16, x(at)));
    if (step < DAY) c.fillText(clock.format(at), centre, box.bottom + 12);
    const today = date.format(at);
    if (today !== day) c.fillText(today, centre, box.bottom + (step < DAY ? 26 : 12));
    day = today;
  }
}

// Custody marks with their numbers, and with names where there is room in one of three rows; not on a phone.
function placeFlags(c, view, span, width) {
  const taken = Array(FLAG_ROWS_MAX).fill(-Infinity);
  const flags = [];
  view.custody.forEach((custody, n) => {
    if (custody.at_ms < span.from || custody.at_ms > span.to) return;
    const at = LEFT + ((custody.at_ms - span.from) / (span.to - span.from)) * (width - LEFT - RIGHT);
    const step = custody.decision?.says ?? custody.step_says;
    const names = width < NAMES_WIDTH ? [] : [`${n + 1} ${step} · ${custody.place_says}`, `${n + 1} ${step}`];
    for (const text of [...names, `${n + 1}`]) {
      const wide = c.measureText(text).width + 10;
      const start = Math.max(LEFT, Math.min(at - 3, width - wide));
      const row = taken.findIndex(end => end < start);
      if (row < 0 && text !== `${n + 1}`) continue;
      if (row >= 0) taken[row] = start + wide + 4;
      flags.push({ ...custody, text: row < 0 ? "" : text, start, row: Math.max(0, row) });
      break;
    }
  });
  return flags;
}

function drawFlag(c, flag, at, box) {
  const middle = 9 + flag.row * FLAG_ROW;
  c.strokeStyle = CUSTODY;
  c.lineWidth = 1.2;
  c.beginPath();
  c.moveTo(at, flag.text ? middle : box.top);
  c.lineTo(at, box.bottom);
  c.stroke();
  if (!flag.text) return;
  c.fillStyle = "#fff";
  c.fillRect(flag.start, middle - 8, c.measureText(flag.text).width + 8, 16);
  c.fillStyle = CUSTODY;
  c.textAlign = "left";
  c.fillText(flag.text, flag.start + 3, middle);
}

// The drawn point that is nearest to a time, with its value; null where there is none near.
export function nearest(view, quantity, at, within) {
  let best = null;
  for (const leg of view.legs) {
    for (const line of leg.quantities[quantity]?.lines ?? []) {
      for (const point of line) {
        if (Math.abs(point[0] - at) <= within && (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at))) best = point;
      }
    }
  }
  return best;
}
