/**
 * The readings of one person as traces and layout of a Plotly figure. Times are seconds of the session.
 *
 * Three rows: the probabilities on top of each other, valence and arousal, and what each sensor gave.
 */

import { EMOTIONS } from "../tacit.js";
import { SENSORS, clock } from "./words.js";

export const SPAN_S = 120;
const SHORTEST_S = 30;
const STEPS_S = [5, 10, 15, 30, 60];
const MOST_TICKS = 8;
const LANES = ["text", "audio", "face"];
const ROWS = { shares: [0.5, 1], affect: [0.26, 0.42], lanes: [0, 0.18] };
const KINDS = ["measured", "reserved", "recovered", "absent"];

/** The part of the session that is shown, in s: what there is, but no more than the last two minutes. */
export function span(endMs) {
  const end = endMs / 1000, width = Math.min(SPAN_S, Math.max(SHORTEST_S, end));
  return [Math.max(0, end - width), Math.max(end, width)];
}

/** Whole times at which the axis has its marks. */
export function ticks([from, to], most = MOST_TICKS) {
  const step = STEPS_S.find(each => (to - from) / each <= most) ?? STEPS_S.at(-1), found = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) found.push(t);
  return { values: found, texts: found.map(t => clock(t * 1000)) };
}

/** Points of a line that falls to `empty` at once where nothing was measured, and rises at once. */
export function steps(readings, value, empty) {
  const x = [], y = [];
  let before = null;
  for (const reading of readings) {
    const now = value(reading), known = now !== null, gap = before && reading.fromMs > before.endMs;
    if (gap) { x.push(before.endMs / 1000, reading.fromMs / 1000); y.push(empty, empty); }
    if (!before || gap || known !== (value(before) !== null)) { x.push((before && !gap ? before.endMs : reading.fromMs) / 1000); y.push(known ? now : empty); }
    x.push(reading.endMs / 1000);
    y.push(known ? now : empty);
    before = reading;
  }
  return { x, y };
}

/** Neighbouring readings of which something is true, as stretches in s. */
export function runs(readings, isSo) {
  const found = [];
  for (const reading of readings) {
    if (!isSo(reading)) continue;
    const last = found.at(-1);
    if (last && reading.fromMs <= last.toMs) last.toMs = reading.endMs;
    else found.push({ fromMs: reading.fromMs, toMs: reading.endMs });
  }
  return found.map(({ fromMs, toMs }) => [fromMs / 1000, toMs / 1000]);
}

const kindOf = ({ source, state }) => (source !== "measured" ? source : state === "ok" || state === "starting" ? "measured" : "reserved");

/* Two stacks: what rests on measurements alone, and, hatched, what rests on guesses too. */
function shareTraces(readings, ink) {
  const stack = (group, counts, fillpattern) => EMOTIONS.map((name, k) => ({
    type: "scatter", mode: "none", stackgroup: group, ...steps(readings, r => (r.emotions && counts(r) ? r.emotions[k].probability : null), 0),
    name, fillcolor: ink[name], fillpattern, line: { width: 0 }, hoverinfo: "skip",
  }));
  const hatched = { shape: "/", fillmode: "overlay", fgcolor: ink.card, fgopacity: 1, size: 9, solidity: 0.3 };
  const guessed = readings.some(r => r.guessed) ? stack("guessed", r => r.guessed, hatched) : [];
  return [...stack("measured", r => !r.guessed), ...guessed];
}

function affectTraces(readings, ink) {
  return [["valence", "solid", ink.ink], ["arousal", "dot", ink.quiet]].map(([name, dash, color]) => ({
    type: "scatter", mode: "lines", yaxis: "y2", connectgaps: false, ...steps(readings, r => r[name], null),
    name, line: { color, dash, width: 2 }, hoverinfo: "skip",
  }));
}

function lanePattern(kind, ink) {
  if (kind === "recovered") return { shape: "/", fgcolor: ink.recovered, bgcolor: ink.card, size: 7, solidity: 0.4 };
  if (kind === "absent") return { shape: "\\", fgcolor: ink.absent, bgcolor: ink.card, size: 7, solidity: 0.2 };
  return { shape: "" };
}

function laneTraces(person, ink) {
  const all = LANES.flatMap(modality => person.stretches(modality, SPAN_S * 1000).map(each => ({ modality, kind: kindOf(each), ...each })));
  return KINDS.map(kind => {
    const some = all.filter(each => each.kind === kind);
    return {
      type: "bar", orientation: "h", yaxis: "y3", width: 0.62, base: some.map(each => each.fromMs / 1000), x: some.map(each => (each.toMs - each.fromMs) / 1000),
      y: some.map(each => LANES.indexOf(each.modality)), marker: { color: ink[kind], line: { width: 0 }, pattern: lanePattern(kind, ink) }, name: kind, hoverinfo: "skip",
    };
  });
}

function layout(person, readings, ink, { narrow, font }) {
  const range = span(person.latest?.endMs ?? 0), marks = ticks(range, narrow ? 5 : MOST_TICKS), size = narrow ? 11 : 12;
  const still = { fixedrange: true, zeroline: false, gridcolor: ink.grid, tickfont: { size } };
  const title = (text, [, high]) => ({ text, xref: "paper", yref: "paper", x: 0, xanchor: "left", y: high, yanchor: "bottom", yshift: 1, showarrow: false, font: { size, color: ink.quiet } });
  const top = Math.max(0, ...readings.map(r => r.endMs)) / 1000;
  return {
    margin: { l: narrow ? 42 : 52, r: 10, t: 20, b: 28 }, showlegend: false, barmode: "overlay", bargap: 0, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: font, size, color: ink.quiet },
    xaxis: { ...still, range, tickvals: marks.values, ticktext: marks.texts, anchor: "y3", showgrid: true },
    yaxis: { ...still, domain: ROWS.shares, range: [0, 1], tickvals: [0, 0.5, 1], ticktext: ["0", "50 %", "100 %"] },
    yaxis2: { ...still, domain: ROWS.affect, range: [-1.05, 1.05], tickvals: [-1, 0, 1], ticktext: ["−1", "0", "+1"], zeroline: true, zerolinecolor: ink.edge, zerolinewidth: 1 },
    yaxis3: { ...still, domain: ROWS.lanes, range: [-0.5, 2.5], tickvals: [0, 1, 2], ticktext: LANES.map(each => SENSORS[each]), showgrid: false },
    annotations: [title("expressed emotion", ROWS.shares), title("valence ━ and arousal ┅", ROWS.affect), title("sensors", ROWS.lanes)],
    shapes: [
      ...runs(readings, r => r.abstained && r.emotions !== null).map(([x0, x1]) => ({ type: "rect", xref: "x", yref: "y", x0, x1, y0: 0, y1: 1, fillcolor: ink.card, opacity: 0.5, line: { width: 0 } })),
      { type: "line", xref: "x", yref: "paper", x0: top, x1: top, y0: 0, y1: 1, line: { color: ink.edge, width: 1 } },
    ],
  };
}

/**
 * @param {import("./history.js").Person} person
 * @param {Record<string, string>} ink colours by name.
 * @param {{narrow: boolean, font: string}} style
 */
export function figure(person, ink, style) {
  const readings = person.since(SPAN_S * 1000);
  return {
    data: [...shareTraces(readings, ink), ...affectTraces(readings, ink), ...laneTraces(person, ink)],
    layout: layout(person, readings, ink, style),
  };
}

/** The figure in words, for those who don't see it. */
export function inWords(person) {
  const parts = ["Timeline of the last two minutes."];
  for (const modality of [...LANES].reverse()) {
    const bad = person.stretches(modality, SPAN_S * 1000).filter(each => each.source !== "measured");
    const told = bad.slice(-3).map(each => `${each.source === "recovered" ? "guessed" : "not measured"} from ${clock(each.fromMs)} to ${clock(each.toMs)}`);
    parts.push(`${SENSORS[modality]}: ${told.length ? told.join(", ") : "measured throughout"}.`);
  }
  return parts.join(" ");
}
