/** The page: from consent to readings and back. */

import { Tacit } from "../tacit.js";
import { CaptureError, openMedia, release } from "./capture.js";
import { h, say } from "./elements.js";
import { History } from "./history.js";
import "./live-view.js";
import "./start-form.js";
import { healthInWords } from "./words.js";

const SERVER = new URL("../../", import.meta.url).href;
const ASKED = new URLSearchParams(location.search);
const TOKEN = ASKED.get("token");
const SAID_AGAIN_MS = 1500;
const ASK_AGAIN_MS = 1000;
const LONG_MS = 60_000;

const form = document.querySelector("start-form"), view = document.querySelector("live-view"), badge = document.querySelector("analysis-badge");
const problems = document.querySelector("problem-line"), announcer = document.getElementById("announcer");

let info = null;
let session = null;

/** Tell everybody, those who listen to the page too, what went wrong and what to do. */
function complain(message) {
  const line = h("p", { class: "problem", role: "alert" }, h("button", { type: "button", class: "small", onclick: () => line.remove() }, "Close"), message);
  problems.replaceChildren(line);
}

/** What passes by itself: said while it lasts, without alarm. */
function remark(code, message) {
  problems.querySelector(".remark")?.remove();
  if (code.endsWith(".over")) return;
  problems.append(h("p", { class: "warning remark" }, message));
  announce(code, message);
}

/* Several changes within a moment are said as one, or a screen reader would cut each of them off. */
const sayings = new Map();
let sayingTimer = null;
function announce(about, text) {
  sayings.set(about, text);
  sayingTimer ??= setTimeout(() => { sayingTimer = null; say(announcer, [...sayings.values()].join(". ")); sayings.clear(); }, SAID_AGAIN_MS);
}

const RECORDING = Object.freeze({ recording: "Recording", stopped: "Recording stopped: the server's disk", ended: "Recording ended" });

/** One run of the analysis, from start to stop. */
class Session {
  history = new History();
  tacit = null;
  stream = null;
  fileUrl = null;
  stopping = new AbortController();
  recording = null;
  recordedMedia = false;

  constructor(settled) { this.settled = settled; }

  async begin() {
    const { source, file, purposeLabel, ...consent } = this.settled;
    const options = { ...consent, token: TOKEN, signal: this.stopping.signal };
    view.reset();
    if (source === "webrtc") {
      const { stream, missing } = await openMedia(navigator.mediaDevices);
      this.stream = stream;
      if (missing) complain(missing);
      this.show("connecting");
      await view.face.showStream(stream).catch(() => { /* Without a picture there is nothing to play. */ });
      this.tacit = await Tacit.connect(SERVER, { ...options, stream });
    } else {
      this.show("connecting");
      await this.showSource(source, file);
      this.tacit = await Tacit.play(SERVER, { ...options, source: file ?? source, loop: source === "sample" });
    }
    this.listen();
    this.show("live");
  }

  async showSource(source, file) {
    if (file) this.fileUrl = URL.createObjectURL(file);
    if (source === "sample") await view.face.showFile(new URL(info.sample.url, SERVER).href, true);
    else if (file) await view.face.showFile(this.fileUrl, false);
    else view.face.caption("The server's camera is not shown here.");
  }

  listen() {
    this.tacit.on("event", event => { if (!this.stopping.signal.aborted) this.receive(event); });
    this.tacit.on("state", ({ state, message }) => {
      if (this.stopping.signal.aborted) return;
      this.show(state, message);
      if (message) announce("connection", message);
    });
  }

  receive(event) {
    if (event.type === "view.face") { view.face.outline(event.outline); return; }
    if (event.type === "view.level") { view.face.level(event.db); return; }
    if (event.type === "view.recording") { this.tellRecording(event); return; }
    if (event.type === "session.ready") view.face.play();
    if (event.type === "sensor.health") announce(event.modality, healthInWords(event.modality, event));
    if (event.type === "error") {
      if (event.code.startsWith("overload.")) remark(event.code, event.message);
      else complain(event.message);
    }
    this.history.receive(event);
    view.update(this.history);
  }

  /** Say in the badge, as long as it is so, that the session is kept. */
  tellRecording({ state, content }) {
    this.recordedMedia = content === "media";
    if (state !== this.recording) announce("recording", this.recordingWords(state));
    this.recording = state;
    badge.querySelector(".recording")?.remove();
    badge.querySelector(".on-air")?.after(this.recordingMark());
  }

  recordingWords(state) {
    return this.recordedMedia && state === "recording" ? "Recording picture and sound" : RECORDING[state];
  }

  recordingMark() {
    if (!this.recording) return "";
    const kept = this.recordedMedia ? "Picture, sound, measurements, words and results are kept on the server." : "Measurements, words and results are kept on the server; no picture, no sound.";
    return h("span", { class: `recording ${this.recording}`, title: kept }, this.recordingWords(this.recording));
  }

  /** Say in the badge how things are, and leave the start form or come back to it. */
  show(state, message = "") {
    const running = state !== "closed";
    document.documentElement.dataset.state = state;
    form.hidden = true;
    view.hidden = badge.hidden = false;
    const waiting = { connecting: "Starting…", weak: message, reconnecting: message }[state];
    const words = running ? waiting ?? `Expressed emotion is being analysed: ${this.settled.purposeLabel.replace(/^./, first => first.toLowerCase())}` : message || "Ended";
    const button = (text, action) => h("button", { type: "button", class: "small", onclick: action }, text);
    badge.replaceChildren(h("span", { class: `on-air${waiting || !running ? " waiting" : ""}` }, words), this.recordingMark(),
      ...(running ? [button("Stop", () => this.stop(false)), button("Stop and delete", () => this.stop(true))] : [button("Start another", () => leave(this, ""))]));
    view.sensors.allow(running ? info.injections ?? [] : []);
    if (!running) this.letGo();
  }

  async stop(deleting) {
    this.stopping.abort();
    this.letGo();
    let said = "Stopped.";
    try {
      if (deleting && this.tacit) await this.tacit.withdraw();
      else await this.tacit?.close();
      if (deleting) said = "Stopped, and everything that the server kept of it is deleted.";
    } catch (error) {
      complain(error.message);
    }
    leave(this, said);
  }

  letGo() {
    problems.querySelector(".remark")?.remove();
    release(this.stream);
    view.face.clear();
    if (this.fileUrl) URL.revokeObjectURL(this.fileUrl);
    this.stream = this.fileUrl = null;
  }
}

function leave(old, said) {
  old.letGo();
  if (session !== old) return;
  session = null;
  document.documentElement.dataset.state = "idle";
  view.hidden = badge.hidden = true;
  form.hidden = false;
  form.busy(false);
  form.focusStart();
  if (said) announce("session", said);
}

form.addEventListener("begin", async ({ detail }) => {
  if (session) return;
  problems.replaceChildren();
  form.busy(true);
  const started = (session = new Session(detail));
  try {
    await started.begin();
    announce("session", "The analysis has begun.");
  } catch (error) {
    if (session !== started) return;
    if (!(error instanceof CaptureError)) console.info("the session did not start:", error);
    complain(error.message);
    leave(started, "");
  }
});

form.addEventListener("devices", async () => {
  form.devices(await Tacit.devices(SERVER, TOKEN).catch(error => ({ devices: [], problem: error.message })));
});

view.addEventListener("break", async ({ detail: { modality, kind, on } }) => {
  view.sensors.press(modality, on);
  try {
    if (on) await session?.tacit?.inject(modality, kind); else await session?.tacit?.mend(modality);
  } catch (error) {
    view.sensors.press(modality, !on);
    complain(error.message);
  }
});
view.addEventListener("person", () => { if (session) view.update(session.history); });

async function open() {
  document.documentElement.dataset.state = "loading";
  try {
    info = await Tacit.info(SERVER, TOKEN);
  } catch (error) {
    complain(error.message);
    setTimeout(open, ASK_AGAIN_MS);
    return;
  }
  problems.replaceChildren();
  form.offer(info);
  view.words.explain(info.text);
  view.line.prepare();
  await loaded();
  document.documentElement.dataset.state = "idle";
  form.busy(false);
  if (ASKED.has("demo")) form.startSample();
}

/* The server answers before its models are loaded, so that people can read the notice meanwhile. */
async function loaded() {
  const began = performance.now();
  while (!info.ready) {
    form.busy(true, "Loading the models…");
    await new Promise(done => setTimeout(done, ASK_AGAIN_MS));
    info = await Tacit.info(SERVER, TOKEN).catch(() => info);
    if (performance.now() - began > LONG_MS) complain("The server has not loaded its models yet. If this stays so, see what it says in its terminal.");
  }
  problems.replaceChildren();
}

open();
