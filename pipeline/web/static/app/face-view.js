/** The picture that is analysed, with the outline of the face that was found in it and the sound's level. */

import { h, s, say } from "./elements.js";

const QUIET_DB = -60;
const MOST_CUT = 1.35;
const OUTLINE_KEPT_MS = 600;

/** Shows a MediaStream, a file, or nothing but the outline. */
export class FaceView extends HTMLElement {
  #video;
  #svg;
  #shape;
  #caption;
  #level;
  #fade = null;

  connectedCallback() {
    if (this.#video) return;
    this.#video = h("video", { playsinline: true, muted: true, "aria-label": "The picture that is analysed" });
    this.#video.muted = true;
    this.#shape = s("polygon", { class: "outline", points: "", visibility: "hidden" });
    this.#svg = s("svg", { "aria-hidden": "true", viewBox: "0 0 1 1", preserveAspectRatio: "none" }, this.#shape);
    this.#level = h("i");
    this.#caption = h("p", { class: "caption", hidden: true });
    this.replaceChildren(this.#video, this.#svg, h("span", { class: "level", "aria-hidden": "true" }, this.#level), this.#caption);
    this.#video.addEventListener("resize", () => this.#place());
    new ResizeObserver(() => this.#place()).observe(this);
  }

  /** Show a stream of this browser, mirrored as people know themselves. */
  async showStream(stream) {
    this.classList.add("mirrored");
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  /** Show a file that the server reads at the same time, over and over if it does so; nothing of it is heard. */
  async showFile(url, loop) {
    this.classList.remove("mirrored");
    this.#video.loop = loop;
    this.#video.srcObject = null;
    this.#video.src = url;
    this.#video.load();
  }

  /** Let the file run, from the start: the server has begun to read it. */
  async play() {
    if (this.#video.srcObject || !this.#video.src) return;
    this.#video.currentTime = 0;
    await this.#video.play().catch(() => { /* No picture in it, or of a kind that this browser cannot show. */ });
  }

  /** Show nothing any more. */
  clear() {
    this.#video.pause();
    this.#video.srcObject = null;
    this.#video.removeAttribute("src");
    this.#video.load();
    this.outline(null);
    this.level(null);
    this.caption("");
  }

  /** Words over the picture; none when empty. */
  caption(text) {
    this.#caption.hidden = !text;
    say(this.#caption, text);
  }

  /** Draw the outline of a face: points as shares of the picture's width and height, or null. */
  outline(points) {
    clearTimeout(this.#fade);
    this.#shape.setAttribute("visibility", points ? "visible" : "hidden");
    if (!points) return;
    const mirrored = this.classList.contains("mirrored");
    this.#shape.setAttribute("points", points.map(([px, py]) => `${mirrored ? 1 - px : px},${py}`).join(" "));
    // An outline that stays when nothing more is found would claim a face that nobody sees.
    this.#fade = setTimeout(() => this.#shape.setAttribute("visibility", "hidden"), OUTLINE_KEPT_MS);
  }

  /** Whether what is outlined can be trusted. */
  trust(state) { this.#shape.classList.toggle("doubtful", state !== "ok"); }

  /** Show the level of the sound in dB of full scale, or none. */
  level(db) {
    const share = db === null ? 0 : Math.min(1, Math.max(0, 1 - db / QUIET_DB));
    this.#level.style.transform = `scaleY(${share})`;
  }

  /* The picture fills the element if little of it is cut off by that; the outline has to lie on the picture. */
  #place() {
    const { clientWidth: width, clientHeight: height } = this, { videoWidth = 0, videoHeight = 0 } = this.#video;
    const shape = videoWidth ? videoWidth / videoHeight : 4 / 3, room = width / height;
    const fills = Math.max(shape / room, room / shape) <= MOST_CUT;
    this.#video.style.objectFit = fills ? "cover" : "contain";
    const wide = fills ? shape > room : shape < room;
    const shown = wide ? [height * shape, height] : [width, width / shape];
    Object.assign(this.#svg.style, { width: `${shown[0]}px`, height: `${shown[1]}px`, left: `${(width - shown[0]) / 2}px`, top: `${(height - shown[1]) / 2}px` });
  }
}
customElements.define("face-view", FaceView);
