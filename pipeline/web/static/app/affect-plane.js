/** Where the expression lies between unpleasant and pleasant, calm and excited, and where it came from. */

import { h, s, say } from "./elements.js";
import { signed } from "./words.js";

const TRAIL_MS = 10_000;
const SIDE = 100;

const x = valence => valence * SIDE;
const y = arousal => -arousal * SIDE;

/** The dot of the latest reading, and the trail of the last ten seconds. */
export class AffectPlane extends HTMLElement {
  #dot;
  #trail;
  #words;
  #svg;

  connectedCallback() {
    if (this.#svg) return;
    this.#dot = s("circle", { class: "dot", r: 8, visibility: "hidden" });
    this.#trail = s("g", {});
    const label = (text, at) => s("text", { "text-anchor": "middle", ...at }, text);
    this.#svg = s("svg", { viewBox: "-116 -118 232 236", role: "img", "aria-label": "Valence and arousal" },
      s("defs", {}, s("pattern", { id: "guess-hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("rect", { class: "hatch-back", width: 5, height: 5 }), s("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 5 }))),
      s("rect", { class: "frame", x: -SIDE, y: -SIDE, width: 2 * SIDE, height: 2 * SIDE, rx: 10 }),
      s("circle", { class: "ring", r: SIDE / 2 }), s("circle", { class: "ring", r: SIDE }),
      s("path", { class: "axis", d: `M${-SIDE} 0H${SIDE}M0 ${-SIDE}V${SIDE}` }),
      label("excited", { y: -SIDE - 6 }), label("calm", { y: SIDE + 14 }),
      label("unpleasant", { transform: `translate(${-SIDE - 6} 0) rotate(-90)` }), label("pleasant", { transform: `translate(${SIDE + 6} 0) rotate(90)` }),
      this.#trail, this.#dot);
    this.#words = h("p", { class: "quiet" });
    this.replaceChildren(this.#svg, this.#words);
    this.show(null);
  }

  /** Show the latest reading of a person of `History`. */
  show(person) {
    const now = person?.latest, known = now && now.valence !== null;
    const words = known ? `valence ${signed(now.valence)}, arousal ${signed(now.arousal)}${now.guessed ? ", partly guessed" : ""}` : "no value";
    say(this.#words, words);
    this.#svg.setAttribute("aria-label", `Valence and arousal: ${words}`);
    this.#dot.setAttribute("visibility", known ? "visible" : "hidden");
    this.#dot.classList.toggle("guessed", Boolean(now?.guessed));
    if (known) { this.#dot.setAttribute("cx", x(now.valence)); this.#dot.setAttribute("cy", y(now.arousal)); }
    this.#drawTrail(person?.since(TRAIL_MS) ?? []);
  }

  #drawTrail(readings) {
    const pieces = [];
    for (let i = 1; i < readings.length; i++) {
      const [a, b] = [readings[i - 1], readings[i]];
      if (a.valence === null || b.valence === null) continue;
      pieces.push(s("path", { class: "trail", d: `M${x(a.valence)} ${y(a.arousal)}L${x(b.valence)} ${y(b.arousal)}`, opacity: (0.1 + 0.7 * (i / readings.length)).toFixed(2),
        "stroke-dasharray": b.guessed ? "2 4" : null }));
    }
    this.#trail.replaceChildren(...pieces);
  }
}
customElements.define("affect-plane", AffectPlane);
