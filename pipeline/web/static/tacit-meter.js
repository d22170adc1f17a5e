/**
 * `<tacit-meter>`: the expressed emotion of one participant in the space of a name tag.
 *
 *     <script type="module" src="http://localhost:8765/static/tacit-meter.js"></script>
 *     <tacit-meter participant="anna" src="http://localhost:8765"></tacit-meter>
 *
 * Or without `src`, for a connection that is there already: `document.querySelector("tacit-meter").source = tacit;`
 * Colours and sizes follow the page; `--tacit-paper`, `--tacit-ink`, `--tacit-accent` and the parts `claim`, `bar` and
 * `sensors` can be styled. Values that rest on a guess are hatched and say so.
 */

import { EMOTIONS, Tacit } from "./tacit.js";

const COLOURS = { neutral: "#7d8590", happiness: "#d98e00", sadness: "#0072b2", anger: "#c94f00", fear: "#b4578c", disgust: "#00805e", surprise: "#2b95d1" };
const SENSORS = { face: "Face", audio: "Voice", text: "Words" };
const MARKS = { starting: "…", ok: "✓", degraded: "!", lost: "✕", muted: "∅", disabled: "–", recovering: "↻" };
const STYLE = `
  :host { display: inline-block; width: 15rem; max-width: 100%; padding: .5rem .65rem .55rem; border-radius: 8px; box-sizing: border-box;
    font: 14px/1.35 system-ui, sans-serif; color: var(--tacit-ink, #fff); background: var(--tacit-paper, rgb(15 17 20 / .84)); }
  :host([hidden]) { display: none; }
  p { margin: 0; } .claim { font-weight: 650; font-size: 1.05em; } .name { opacity: .85; font-size: .86em; }
  .bar { display: flex; height: .6rem; margin: .35rem 0; border-radius: 99px; overflow: hidden; background: rgb(128 128 128 / .35); position: relative; }
  .bar i { height: 100%; transition: flex-basis .3s ease-out; flex: 0 0 0; }
  .bar.guessed::after { content: ""; position: absolute; inset: 0; background: repeating-linear-gradient(45deg, rgb(255 255 255 / .75) 0 2px, transparent 2px 6px); }
  .bar.abstained { opacity: .45; }
  .sensors { display: flex; flex-wrap: wrap; gap: 0 .8rem; font-size: .86em; } .sensors b { font-weight: 650; color: var(--tacit-accent, inherit); }
  @media (prefers-reduced-motion: reduce) { .bar i { transition: none; } }
  ${EMOTIONS.map(name => `.${name} { background: ${COLOURS[name]}; }`).join(" ")}`;

const make = (name, className, ...children) => {
  const element = document.createElement(name);
  if (className) { element.className = className; element.setAttribute("part", className); }
  element.append(...children);
  return element;
};

/** What a result claims, in a few words. */
export function headline({ emotions, abstained }) {
  if (!emotions) return "nothing measured";
  if (abstained) return "no claim: too unsure";
  const best = emotions.reduce((a, b) => (b.probability > a.probability ? b : a));
  return `expressed: ${best.name} ${Math.round(best.probability * 100)} %`;
}

const inWords = ({ state, reason }) => (reason ? `${state}: ${reason.replaceAll("_", " ")}` : state);

export class TacitMeter extends HTMLElement {
  static observedAttributes = ["participant", "src", "session", "token"];
  #source = null;
  #own = null;
  #stop = [];
  #health = {};
  #parts;

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    const bar = make("div", "bar", ...EMOTIONS.map(name => make("i", name)));
    this.#parts = { name: make("p", "name"), claim: make("p", "claim"), bar, sensors: make("p", "sensors") };
    bar.setAttribute("aria-hidden", "true");
    root.append(...Object.values(this.#parts));
  }

  /** The connection whose results are shown: a `Tacit`, or null. */
  get source() { return this.#source; }

  set source(tacit) {
    for (const stop of this.#stop) stop();
    this.#source = tacit;
    this.#stop = tacit ? [
      tacit.on("measurement", event => { if (this.#mine(event)) this.#measured(event); }),
      tacit.on("health", event => { if (this.#mine(event)) this.#healthy(event); }),
      tacit.on("closed", () => this.#idle("ended")),
      tacit.on("state", ({ state, message }) => { if (state !== "live") this.#idle(message || state); }),
    ] : [];
    this.#idle(tacit ? "waiting for the first reading" : "not connected");
  }

  connectedCallback() {
    this.setAttribute("role", "group");
    this.#open();
  }

  disconnectedCallback() { this.#shut(); }

  attributeChangedCallback() { if (this.isConnected) this.#open(); }

  #mine(event) { return !this.hasAttribute("participant") || event.participant === this.getAttribute("participant"); }

  async #open() {
    this.#parts.name.textContent = this.getAttribute("participant") ?? "";
    const url = this.getAttribute("src");
    if (!url) { if (!this.#source) this.#idle("not connected"); return; }
    this.#shut();
    const sessions = this.hasAttribute("session") ? [this.getAttribute("session")] : [];
    try {
      const own = await Tacit.watch(url, { sessions, token: this.getAttribute("token") ?? undefined });
      if (!this.isConnected || this.getAttribute("src") !== url) { own.close(); return; }
      this.#own = this.source = own;
    } catch (error) {
      this.#idle(error.message);
    }
  }

  #shut() {
    if (!this.#own) return;
    this.source = null;
    this.#own.close();
    this.#own = null;
  }

  #idle(words) {
    this.#health = {};
    this.#parts.sensors.replaceChildren();
    this.#show(words, [], "");
  }

  #show(claim, shares, className) {
    this.#parts.claim.textContent = claim;
    this.#parts.bar.className = `bar ${className}`;
    [...this.#parts.bar.children].forEach((piece, k) => { piece.style.flexBasis = `${(shares[k] ?? 0) * 100}%`; });
    const sensors = Object.entries(this.#health).map(([name, health]) => `${SENSORS[name] ?? name} ${inWords(health)}`);
    this.setAttribute("aria-label", [this.getAttribute("participant"), claim, ...sensors].filter(Boolean).join(". "));
  }

  #measured({ fused, modalities }) {
    const guessed = Object.entries(modalities).filter(([, m]) => m.source === "recovered").map(([name]) => SENSORS[name].toLowerCase());
    const shares = fused.emotions ? EMOTIONS.map(name => fused.emotions.find(e => e.name === name)?.probability ?? 0) : [];
    for (const [name, { state, reason }] of Object.entries(modalities)) this.#health[name] = { state, reason };
    this.#lights();
    this.#show(headline(fused) + (guessed.length && fused.emotions ? `, ${guessed.join(" and ")} guessed` : ""), shares, `${guessed.length ? "guessed" : ""} ${fused.abstained ? "abstained" : ""}`);
  }

  #healthy({ modality, state, reason }) {
    this.#health[modality] = { state, reason };
    this.#lights();
  }

  #lights() {
    this.#parts.sensors.replaceChildren(...Object.keys(SENSORS).filter(name => this.#health[name]).map(name => {
      const light = make("span", "", make("b", "", MARKS[this.#health[name].state] ?? "?"), ` ${SENSORS[name]}`);
      light.title = inWords(this.#health[name]);
      light.dataset.sensor = name;
      light.dataset.state = this.#health[name].state;
      return light;
    }));
  }
}
customElements.define("tacit-meter", TacitMeter);
