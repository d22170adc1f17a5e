/** How probable each expressed emotion is, with how far apart the sensors are. */

import { EMOTIONS } from "../tacit.js";
import { h, say } from "./elements.js";
import { claim, percent } from "./words.js";

const SAME = 0.015;

/** The claim in words, and a bar for each emotion. */
export class EmotionBars extends HTMLElement {
  #rows;
  #claim;
  #basis;
  #note;
  #since = performance.now();

  connectedCallback() {
    if (this.#rows) return;
    this.#claim = h("p", { class: "claim" });
    this.#basis = h("p", { class: "claim-basis" });
    this.#note = h("p", { class: "guess-note", hidden: true }, h("i", { class: "hatch", "aria-hidden": "true" }), "Hatched: partly a guess, because a sensor gives nothing.");
    this.#rows = EMOTIONS.map(name => {
      const fill = h("i", { class: "fill" }), veil = h("i", { class: "veil" }), range = h("i", { class: "range", hidden: true });
      const value = h("b", {}, "–");
      const item = h("li", { class: `bar-${name}`, "data-emotion": name }, h("span", {}, name), h("span", { class: "track", "aria-hidden": "true" }, fill, veil, range), value);
      return { item, fill, veil, range, value };
    });
    this.replaceChildren(this.#claim, this.#basis, this.#note, h("ul", {}, this.#rows.map(row => row.item)),
      h("p", { class: "quiet bars-hint" }, "A thin line shows how far apart the sensors are when each is read alone; it is no margin of error."));
    this.show(null);
  }

  /** Start waiting anew, for a session that begins now. */
  reset() { this.#since = performance.now(); this.show(null); }

  /** Show a reading of `History`, or that there is none yet. */
  show(reading) {
    const { headline, basis } = claim(reading, performance.now() - this.#since);
    say(this.#claim, headline);
    say(this.#basis, basis);
    this.#note.hidden = !(reading?.guessed && reading.emotions);
    this.classList.toggle("guessed", Boolean(reading?.guessed));
    this.classList.toggle("abstained", Boolean(reading?.abstained));
    const shares = reading?.emotions?.map(e => e.probability) ?? null, best = shares ? shares.indexOf(Math.max(...shares)) : -1;
    this.#rows.forEach((row, k) => this.#row(row, shares?.[k] ?? null, reading?.ranges?.[k] ?? null, k === best && !reading.abstained));
  }

  #row(row, share, range, isBest) {
    row.item.classList.toggle("best", isBest);
    row.fill.style.transform = `scaleX(${share ?? 0})`;
    row.veil.style.setProperty("--share", `${(share ?? 0) * 100}%`);
    say(row.value, share === null ? "–" : percent(share));
    row.range.hidden = !range || range[1] - range[0] < SAME;
    if (range) { row.range.style.left = `${range[0] * 100}%`; row.range.style.width = `${(range[1] - range[0]) * 100}%`; }
    row.item.title = range && !row.range.hidden ? `sensors alone: ${percent(range[0])} to ${percent(range[1])}` : "";
  }
}
customElements.define("emotion-bars", EmotionBars);
