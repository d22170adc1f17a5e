/** How long it takes from the end of a window to its reading on this page. */

import { h, say } from "./elements.js";
import { quantile } from "./history.js";

const TOTAL = "capture_to_result";
const NAMES = Object.freeze({
  capture_to_result: "All of it", settle: "Waiting for the last sensor", ingest: "Taking it in", route: "To its worker", stage: "Looking and listening",
  return: "Back from its worker", queue: "Waiting for its turn", recover: "Guessing what is lost", predict: "Reading the emotion", publish: "Sending",
});

const whole = ms => (ms === null ? "–" : ms >= 10 ? `${Math.round(ms)}` : ms.toFixed(1));

/** The latest figure in large, and each step with its median and 95th percentile. */
export class LatencyView extends HTMLElement {
  #big;
  #body;

  connectedCallback() {
    if (this.#big) return;
    this.#big = h("p", { class: "big" }, "–");
    this.#body = h("tbody");
    this.replaceChildren(this.#big, h("p", { class: "quiet" }, "from the end of a window to its reading"),
      h("table", {}, h("caption", { class: "hidden" }, "Time of each step in ms over the last minute"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "hidden" }, "Step")), h("th", { scope: "col" }, "median"), h("th", { scope: "col" }, "95 %"))), this.#body));
  }

  /** Show the latencies of a person of `History`. */
  show(person) {
    const all = person?.latencies ?? [], latest = all.at(-1) ?? {}, steps = Object.keys(latest);
    const total = steps.includes(TOTAL) ? latest[TOTAL] : steps.reduce((sum, step) => sum + latest[step], 0);
    say(this.#big, steps.length ? `${whole(total)} ms` : "–");
    this.#body.replaceChildren(...steps.map(step => {
      const values = all.map(each => each[step]).filter(Number.isFinite);
      return h("tr", {}, h("th", { scope: "row" }, NAMES[step] ?? step.replaceAll("_", " ")), h("td", {}, `${whole(quantile(values, 0.5))}`), h("td", {}, `${whole(quantile(values, 0.95))} ms`));
    }));
  }
}
customElements.define("latency-view", LatencyView);
