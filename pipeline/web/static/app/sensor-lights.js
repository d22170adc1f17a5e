/** One health light for each sensor, with the reason in words, and a button that breaks it on purpose. */

import { h, say } from "./elements.js";
import { MARKS, SENSORS, STATES, stateInWords } from "./words.js";

const BREAKS = Object.freeze({
  face: { kind: "freeze", words: "Freeze the face", mend: "Let the face go on" },
  audio: { kind: "mute", words: "Mute the voice", mend: "Let the voice go on" },
  text: { kind: "drop", words: "Cut the words", mend: "Let the words go on" },
});
const SOURCES = Object.freeze({ recovered: "guessed", absent: "not used" });

/** Asks for `break` (detail: modality, kind, on) when somebody presses a button. */
export class SensorLights extends HTMLElement {
  #rows;

  connectedCallback() {
    if (this.#rows) return;
    this.#rows = Object.fromEntries(["face", "audio", "text"].map(modality => [modality, this.#row(modality)]));
    this.replaceChildren(h("ul", {}, Object.values(this.#rows).map(row => row.item)),
      h("p", { class: "quiet break-hint" }, "The buttons break a sensor on purpose, after it was read. Nothing else is told: watch how soon it is noticed, and how the reading goes on."));
  }

  #row(modality) {
    const light = h("i", { class: "light starting", "aria-hidden": "true" }, MARKS.starting), state = h("span", { class: "state" }, STATES.starting);
    const tag = h("span", { class: "tag", hidden: true }), { kind, words } = BREAKS[modality];
    const button = h("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      this.dispatchEvent(new CustomEvent("break", { bubbles: true, detail: { modality, kind, on } }));
    } }, words);
    const text = h("div", { class: "sensor" }, h("b", {}, SENSORS[modality]), tag, state);
    return { item: h("li", { "data-sensor": modality, "data-state": "starting" }, light, text, button), light, state, tag, button };
  }

  /** Show which sensors can be broken here, and which of them are. */
  allow(kinds) {
    this.querySelector(".break-hint").hidden = !kinds.length;
    for (const [modality, { button }] of Object.entries(this.#rows)) button.hidden = !kinds.some(each => each.modality === modality && each.kinds.includes(BREAKS[modality].kind));
  }

  /** Show that a sensor was broken or mended on purpose. */
  press(modality, on) {
    const { button } = this.#rows[modality], { words, mend } = BREAKS[modality];
    button.setAttribute("aria-pressed", String(on));
    say(button, on ? mend : words);
  }

  /** Show the sensors of a person of `History`. */
  show(person) {
    for (const [modality, row] of Object.entries(this.#rows)) {
      const health = person?.sensors[modality] ?? { state: "starting", reason: null };
      row.item.dataset.state = health.state;
      row.light.className = `light ${health.state}`;
      say(row.light, MARKS[health.state] ?? "?");
      say(row.state, stateInWords(health));
      const source = person?.latest?.modalities[modality]?.source;
      row.tag.hidden = !SOURCES[source] || health.state === "disabled";
      row.tag.className = `tag ${source}`;
      say(row.tag, SOURCES[source] ?? "");
      row.button.disabled = health.state === "disabled";
    }
  }
}
customElements.define("sensor-lights", SensorLights);
