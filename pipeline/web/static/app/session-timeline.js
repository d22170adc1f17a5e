/** The last two minutes as a chart. The chart library comes from the server's own packages. */

import { EMOTIONS } from "../tacit.js";
import { h } from "./elements.js";
import { colour } from "./theme.js";
import { figure, inWords } from "./timeline-figure.js";

const SCRIPT = new URL("../../vendor/plotly.js", import.meta.url);
const INKS = ["ink", "quiet", "grid", "edge", "card", "measured", "reserved", "recovered", "absent", ...EMOTIONS];
const OFTEN_MS = 450;
/* Drawing takes no more than a tenth of the time, however slow the machine is. */
const REST = 9;
const NARROW_PX = 640;

let loading = null;

function load() {
  loading ??= new Promise((done, fail) => {
    if (globalThis.Plotly) { done(globalThis.Plotly); return; }
    document.head.append(h("script", { src: SCRIPT.href, onload: () => done(globalThis.Plotly), onerror: fail }));
  });
  return loading;
}

/** Draws a person of `History` when it is visible, and no more often than the machine bears. */
export class SessionTimeline extends HTMLElement {
  #chart;
  #person = null;
  #ink = null;
  #restUntil = 0;
  #timer = null;
  #visible = true;

  connectedCallback() {
    if (this.#chart) return;
    this.#chart = h("div", { class: "chart", role: "img", "aria-label": "Timeline" });
    this.replaceChildren(this.#chart);
    addEventListener("themechange", () => { this.#ink = null; this.#draw(); });
    new ResizeObserver(() => this.#soon()).observe(this.#chart);
    new IntersectionObserver(([entry]) => { this.#visible = entry.isIntersecting; this.#soon(); }).observe(this);
  }

  /** Load the chart library; without it a sentence says so. */
  async prepare() {
    try {
      await load();
    } catch {
      this.replaceChildren(h("p", { class: "warning" }, "The chart cannot be drawn, because the server's package plotly is missing. To install it, type ", h("code", {}, "pip install plotly"), ". Everything else works."));
    }
  }

  /** Show a person of `History`. */
  show(person) { this.#person = person; this.#soon(); }

  #soon() {
    if (this.#timer || !this.#person) return;
    this.#timer = setTimeout(() => { this.#timer = null; requestAnimationFrame(() => this.#draw()); }, Math.max(0, this.#restUntil - performance.now()));
  }

  async #draw() {
    if (!this.#person || !globalThis.Plotly || !this.#visible || !this.isConnected || !this.#chart.clientWidth) return;
    const began = performance.now();
    this.#ink ??= Object.fromEntries(INKS.map(name => [name, colour(name)]));
    const { data, layout } = figure(this.#person, this.#ink, { narrow: this.#chart.clientWidth < NARROW_PX, font: getComputedStyle(document.body).fontFamily });
    Object.assign(layout, { width: this.#chart.clientWidth, height: this.#chart.clientHeight });
    await globalThis.Plotly.react(this.#chart, data, layout, { staticPlot: true, displayModeBar: false });
    this.#chart.setAttribute("aria-label", inWords(this.#person));
    const took = performance.now() - began;
    this.#restUntil = began + Math.max(OFTEN_MS, REST * took);
    this.dataset.drawMs = took.toFixed(1);
  }
}
customElements.define("session-timeline", SessionTimeline);
