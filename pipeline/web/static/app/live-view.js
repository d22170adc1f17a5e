/** The panels of a running session, fed with its events. */

import { Person } from "./history.js";
import { h } from "./elements.js";
import { EMOTIONS } from "../tacit.js";
import "./affect-plane.js";
import "./emotion-bars.js";
import "./face-view.js";
import "./latency-view.js";
import "./live-transcript.js";
import "./sensor-lights.js";
import "./session-timeline.js";

const panel = (area, title, ...content) => h("section", { class: `card area-${area}`, "aria-labelledby": `title-${area}` }, h("h2", { id: `title-${area}` }, title), content);
const titled = (area, title, beside, ...content) => h("section", { class: `card area-${area}`, "aria-labelledby": `title-${area}` }, h("div", { class: "head" }, h("h2", { id: `title-${area}` }, title), beside), content);

/** Holds the panels; `face`, `bars`, … are the elements in them. */
export class LiveView extends HTMLElement {
  #shown = null;
  #pending = null;
  #people;

  connectedCallback() {
    if (this.face) return;
    for (const [name, tag] of Object.entries({ face: "face-view", bars: "emotion-bars", plane: "affect-plane", sensors: "sensor-lights", line: "session-timeline", words: "live-transcript", latency: "latency-view" })) this[name] = document.createElement(tag);
    this.#people = h("label", { class: "people", hidden: true }, "Person ", h("select", { onchange: event => { this.#shown = event.target.value; this.dispatchEvent(new Event("person")); } }));
    this.append(this.#people,
      h("section", { class: "card area-face", "aria-label": "Picture" }, this.face),
      panel("now", "Now", this.bars), panel("plane", "Pleasant or not, excited or calm", this.plane), panel("sensors", "Sensors", this.sensors),
      titled("line", "The last two minutes", h("ul", { class: "legend" }, EMOTIONS.map(name => h("li", { class: `bar-${name}` }, h("i"), name)),
        h("li", {}, h("i", { class: "shaded" }), "too unsure"), h("li", {}, h("i", { class: "hatch" }), "guessed"), h("li", {}, h("i", { class: "hatch absent" }), "not measured")), this.line),
      panel("words", "Words", this.words), panel("latency", "Delay", this.latency));
  }

  /** Whose readings are shown, of those in a `History`. */
  person(history) {
    const names = [...history.people.keys()];
    this.#offer(names);
    return history.people.get(names.includes(this.#shown) ? this.#shown : names[0]) ?? null;
  }

  /** Show what has changed, once per frame however many events come. */
  update(history) {
    if (this.#pending) return;
    this.#pending = requestAnimationFrame(() => {
      this.#pending = null;
      const person = this.person(history);
      this.dataset.endMs = person?.latest?.endMs ?? "";
      this.bars.show(person?.latest ?? null);
      this.plane.show(person);
      this.sensors.show(person);
      this.words.show(person);
      this.latency.show(person);
      if (person) this.line.show(person);
      this.face.trust(person?.sensors.face?.state);
    });
  }

  /** Forget what was shown. */
  reset() {
    this.bars.reset();
    this.line.show(new Person(""));
    for (const modality of ["face", "audio", "text"]) this.sensors.press(modality, false);
  }

  #offer(names) {
    const select = this.#people.querySelector("select");
    this.#people.hidden = names.length < 2;
    if (names.join() === [...select.options].map(each => each.value).join()) return;
    select.replaceChildren(...names.map(name => h("option", { value: name, selected: name === this.#shown }, name)));
  }
}
customElements.define("live-view", LiveView);
