/** What was said, as it is recognised. */

import { h, say } from "./elements.js";
import { clock } from "./words.js";

/** Finished sentences with their time, and the one that may still change. */
export class LiveTranscript extends HTMLElement {
  #list;
  #partial;
  #empty;
  #shown = 0;
  #last = null;

  connectedCallback() {
    if (this.#list) return;
    this.#partial = h("li", { class: "partial", hidden: true }, h("time", {}), h("span", {}));
    this.#list = h("ol", { tabindex: "0", "aria-label": "What was said" }, this.#partial);
    this.#empty = h("p", { class: "quiet" });
    this.replaceChildren(this.#list, this.#empty);
    this.explain(null);
  }

  /** Say why there are no words: `text` of /api/info, or null while that is unknown. */
  explain(text) {
    const off = text && !text.enabled;
    this.#empty.replaceChildren(...(off ? ["Words are switched off here. To switch them on, type ", h("code", {}, text.remedy ?? "tacit models pull whisper-base"), " on the server and start it again."]
      : ["Nothing was said yet."]));
  }

  /** Show the words of a person of `History`. */
  show(person) {
    const sentences = person?.sentences ?? [], newest = sentences.at(-1) ?? null;
    if (newest !== this.#last || sentences.length < this.#shown) {
      this.#list.replaceChildren(...sentences.map(each => h("li", {}, h("time", {}, clock(each.start_ms)), h("span", {}, each.text))), this.#partial);
      this.#shown = sentences.length;
      this.#last = newest;
      this.#list.scrollTop = this.#list.scrollHeight;
    }
    const partial = person?.partial ?? null;
    this.#partial.hidden = !partial;
    if (partial) { say(this.#partial.firstChild, clock(partial.start_ms)); say(this.#partial.lastChild, `${partial.text}…`); }
    this.#list.hidden = !sentences.length && !partial;
    this.#empty.hidden = !this.#list.hidden;
  }
}
customElements.define("live-transcript", LiveTranscript);
