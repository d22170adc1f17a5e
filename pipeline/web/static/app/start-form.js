/** Notice, purpose, consent and source: what has to be settled before anything is captured. */

import { h, say } from "./elements.js";

const SOURCES = Object.freeze({
  webrtc: { title: "This browser's camera and microphone", hint: "Your browser asks you first." },
  sample: { title: "The bundled sample", hint: "A portrait that moves and a synthetic voice; nobody has to agree." },
  upload: { title: "A recording", hint: "Audio or video. The server reads it as if it were live and deletes it afterwards." },
  device: { title: "Camera and microphone of the server", hint: "For a computer that runs Tacit and has its own devices." },
});
const AGREED = Object.freeze({
  webrtc: "I agree that the emotion which I express is analysed until I stop, and so does everybody else who can be seen or heard here.",
  device: "Everybody whom the server's camera or microphone can catch has agreed that their expressed emotion is analysed.",
  upload: "Everybody who can be seen or heard in this recording has agreed that their expressed emotion is analysed.",
});
const REFUSED = "The law of the European Union forbids reading emotions at work and in education, except for medical or safety reasons (AI Act, article 5(1)(f)). Consent does not change that. Choose the exception that applies, or another purpose.";

/** Sends `begin` (detail: what was settled) when somebody starts, and `devices` when it wants to know the server's. */
export class StartForm extends HTMLElement {
  #form;
  #info = null;
  #looked = false;

  connectedCallback() {
    if (this.#form) return;
    this.#form = h("form", { onsubmit: event => { event.preventDefault(); this.#submit(); }, onchange: () => this.#adapt() });
    this.replaceChildren(
      h("h1", {}, "See which emotion is expressed, as it happens"),
      h("p", { class: "lead" }, "Tacit watches a face, hears a voice and reads the words, twice a second. When a camera freezes or a microphone mutes, it says so, goes on with what is left, and marks what it only guesses."),
      this.#form);
  }

  /** Offer what the server can do: the answer of /api/info. */
  offer(info) {
    this.#info = info;
    const sources = Object.keys(SOURCES).filter(each => info.sources.includes(each));
    this.#form.replaceChildren(
      h("section", { class: "card" }, this.#sourceFields(sources), this.#deviceFields()),
      h("section", { class: "card notice", "aria-labelledby": "notice-title" }, this.#notice(info), this.#purposeFields(info), this.#consentField(), this.#recordField(info),
        h("div", { class: "go" }, h("button", { class: "main", type: "submit" }, "Start"), h("p", { class: "quiet" }, "You can stop at any time."))));
    this.#adapt();
  }

  /** Whether a start is under way, or something else that has to be waited for. */
  busy(on, words = "Starting…") {
    const button = this.#form.querySelector("button.main");
    if (!button) return;
    button.disabled = on;
    button.textContent = on ? words : "Start";
  }

  focusStart() { this.#form.querySelector("button.main")?.focus(); }

  /** Start on the sample, for which nobody has to agree. */
  startSample() {
    this.#form.querySelector("input[value=sample]").checked = true;
    this.#adapt();
    this.#form.requestSubmit();
  }

  #sourceFields(sources) {
    return h("fieldset", {}, h("legend", {}, "What to read"), sources.map((each, index) => {
      const { title, hint } = SOURCES[each], file = each === "upload" ? h("input", { type: "file", name: "file", accept: "audio/*,video/*", "aria-label": "Recording", hidden: true }) : null;
      return h("label", { class: "choice" }, h("input", { type: "radio", name: "source", value: each, checked: index === 0 }), h("span", {}, title, h("small", {}, hint), file));
    }));
  }

  /** Offer the server's devices: the answer of /api/devices. */
  devices({ devices, problem }) {
    for (const kind of ["video", "audio"]) {
      const select = this.#form.elements[kind], found = devices.filter(each => each.kind === kind);
      select.replaceChildren(...found.map(each => h("option", { value: each.name }, each.name)), h("option", { value: "" }, "none"));
    }
    const none = devices.length ? "" : "Neither a camera nor a microphone was found on the server. Connect one, then look again.";
    say(this.#form.querySelector(".found"), problem ?? none);
  }

  #look() {
    this.#looked = true;
    say(this.#form.querySelector(".found"), "Looking for cameras and microphones…");
    this.dispatchEvent(new Event("devices"));
  }

  #deviceFields() {
    const select = (name, title) => h("div", { class: "field" }, h("label", { for: `device-${name}` }, title), h("select", { id: `device-${name}`, name }, h("option", { value: "" }, "none")));
    return h("div", { class: "devices", hidden: true }, select("video", "Camera"), select("audio", "Microphone"),
      h("div", { class: "look" }, h("p", { class: "quiet found", role: "status" }), h("button", { type: "button", class: "small", onclick: () => this.#look() }, "Look again")));
  }

  #notice({ recording }) {
    const kept = recording?.offered.includes("media") ? "picture and sound are kept only if you say so below" : "neither picture nor sound is kept";
    return [h("h2", { id: "notice-title" }, "Before you start"), h("ul", {},
      h("li", {}, "Tacit estimates which emotion a face, a voice and words ", h("em", {}, "express"), ". It doesn't know what anybody feels."),
      h("li", {}, "The analysis runs on the computer that serves this page. Nothing goes anywhere else, and ", kept, "."),
      h("li", {}, "It is often wrong, and more often for some people than for others. Decide nothing about anybody by it."))];
  }

  #purposeFields({ purposes, exceptions = [] }) {
    const exception = h("div", { class: "exception", hidden: true },
      h("p", { class: "warning", id: "refused" }, REFUSED),
      h("div", { class: "field" }, h("label", { for: "exception" }, "Exception"),
        h("select", { id: "exception", name: "exception", "aria-describedby": "refused" }, h("option", { value: "" }, "none"), exceptions.map(each => h("option", { value: each }, each)))),
      h("div", { class: "field" }, h("label", { for: "reason" }, "Why it applies (10 characters or more)"), h("input", { type: "text", id: "reason", name: "reason", minlength: 10, maxlength: 500 })));
    return h("div", { class: "purpose" }, h("div", { class: "field" }, h("label", { for: "purpose" }, "What is it for?"),
      h("select", { id: "purpose", name: "purpose", required: true }, h("option", { value: "" }, "Choose…"), purposes.map(each => h("option", { value: each.code }, each.label)))), exception);
  }

  #consentField() {
    return h("label", { class: "choice agree" }, h("input", { type: "checkbox", name: "consent", required: true }), h("span", { class: "agreed" }));
  }

  #recordField({ recording }) {
    if (!recording?.offered.includes("features")) return null;
    const days = recording.retention_days ? ` It is deleted after ${recording.retention_days} days` : " It is kept until somebody deletes it";
    const keep = h("label", { class: "choice keep" }, h("input", { type: "checkbox", name: "keep" }),
      h("span", {}, "Keep this session on the server", h("small", {}, `Measurements, words and results; no picture, no sound.${days}, and at once when you choose “Stop and delete”.`)));
    if (!recording.offered.includes("media")) return keep;
    return [keep, h("label", { class: "choice keep-media" }, h("input", { type: "checkbox", name: "media", onchange: ({ target }) => { if (target.checked) this.#form.elements.keep.checked = true; } }),
      h("span", {}, "Keep picture and sound as well", h("small", {}, "Everybody who can be seen or heard agrees that the recording itself is kept, as long as the session is.")))];
  }

  /* Show the fields that the choices so far ask for, and ask for nothing else. */
  #adapt() {
    const { elements } = this.#form, source = elements.source.value;
    const own = source !== "sample", purpose = this.#info.purposes.find(each => each.code === elements.purpose.value);
    if (elements.file) { elements.file.hidden = source !== "upload"; elements.file.required = source === "upload"; }
    this.#form.querySelector(".devices").hidden = source !== "device";
    if (source === "device" && !this.#looked) this.#look();
    this.#form.querySelector(".purpose").hidden = !own;
    this.#form.querySelector(".agree").hidden = !own;
    this.#form.querySelector(".agreed").textContent = AGREED[source] ?? "";
    elements.purpose.required = elements.consent.required = own;
    const excepted = own && Boolean(purpose?.needs_exception);
    this.#form.querySelector(".exception").hidden = !excepted;
    elements.exception.required = elements.reason.required = excepted;
  }

  #submit() {
    const { elements } = this.#form, source = elements.source.value, sample = source === "sample";
    const settled = { source, participant: "p1", purpose: sample ? "demo" : elements.purpose.value, consent: sample ? "bundled sample" : `page ${new Date().toISOString()}` };
    settled.purposeLabel = this.#info.purposes.find(each => each.code === settled.purpose)?.label ?? settled.purpose;
    if (!this.#form.querySelector(".exception").hidden) Object.assign(settled, { exception: elements.exception.value, reason: elements.reason.value });
    if (elements.keep?.checked) settled.record = elements.media?.checked ? "media" : "features";
    if (source === "upload") settled.file = elements.file.files[0];
    if (source === "device") Object.assign(settled, { video: elements.video.value, audio: elements.audio.value });
    this.dispatchEvent(new CustomEvent("begin", { detail: settled }));
  }
}
customElements.define("start-form", StartForm);
