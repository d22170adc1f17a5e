/**
 * Tacit in a web page: one module without dependencies.
 *
 *     import { Tacit } from "http://localhost:8765/static/tacit.js";
 *     const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
 *     const t = await Tacit.connect("http://localhost:8765", { stream, participant: "anna", purpose: "demo", consent: "form 17" });
 *     t.on("measurement", m => console.log(m.fused.emotions));
 *
 * What comes back is *expressed* emotion. Ask people before you analyse them; `consent` names their answer.
 * Types: tacit.d.ts. Events: docs/events.md.
 */

export const EMOTIONS = Object.freeze(["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]);

const KINDS = {
  "measurement.result": "measurement", "measurement.revised": "measurement", "sensor.health": "health",
  "transcript.partial": "transcript", "transcript.final": "transcript", "session.ready": "ready", "session.closed": "closed",
  "drop.report": "drop", "view.face": "face", "view.level": "level", "view.recording": "recording", error: "error",
};
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const SILENCE_MS = 4000;
const PATIENCE_MS = 20_000;
const GATHER_MS = 2000;
const REQUEST_MS = 20_000;
/* Answers that will be the same next time: asking again would only be a nuisance. */
const FINAL = new Set([400, 401, 403, 404, 405, 409, 413, 415]);

/** Something went wrong. `message` is a sentence for people, `code` for programs, `status` the HTTP status or 0. */
export class TacitError extends Error {
  constructor(code, message, status = 0) {
    super(message);
    this.name = "TacitError";
    this.code = code;
    this.status = status;
  }

  /** Whether trying the same again is of no use. */
  get final() { return FINAL.has(this.status) || this.status === -1; }
}

const refused = (code, message) => new TacitError(code, message, -1);

function address(url) {
  const base = new URL(url, globalThis.location?.href);
  const token = base.searchParams.get("token");
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return { base, token };
}

/** Requests to one server. */
class Server {
  constructor(url, token) {
    const found = address(url);
    this.base = found.base;
    this.token = token ?? found.token;
  }

  url(path, query = {}) {
    const full = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== "") full.searchParams.append(name, value);
    return full;
  }

  async ask(method, path, { query, body, type, signal, keepalive } = {}) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    let answer;
    try {
      const limits = [AbortSignal.timeout(body instanceof Blob ? 600_000 : REQUEST_MS), ...(signal ? [signal] : [])];
      answer = await fetch(this.url(path, query), { method, headers, body, keepalive, signal: AbortSignal.any?.(limits) ?? signal });
    } catch (error) {
      if (signal?.aborted) throw refused("stopped", "It was stopped before it began.");
      throw new TacitError("unreachable", `The server at ${this.base.host} doesn't answer. Is "tacit serve" running there?`);
    }
    if (answer.ok) return answer;
    const told = (await answer.json().catch(() => null))?.error;
    throw new TacitError(told?.code ?? `http_${answer.status}`, told?.message ?? `The server answered ${answer.status} ${answer.statusText}.`, answer.status);
  }

  /** The address of the WebSocket of some sessions; a browser can send its token in the query only. */
  socketUrl(sessions) {
    const full = this.url("ws", { token: this.token });
    for (const id of sessions) full.searchParams.append("session", id);
    full.protocol = full.protocol === "https:" ? "wss:" : "ws:";
    return full;
  }
}

/** The media of one stream to the server, and events back on a data channel. */
class PeerLink {
  constructor(server, stream, consent, heard) {
    Object.assign(this, { server, stream, consent, heard, peer: null, channel: null, session: null });
  }

  async open(signal) {
    this.session = null;
    const info = await (await this.server.ask("GET", "api/info", { signal })).json();
    const peer = (this.peer = new RTCPeerConnection({ iceServers: info.ice_servers ?? [] }));
    try {
      const channel = (this.channel = peer.createDataChannel("events"));
      channel.onmessage = ({ data }) => this.heard.message(data);
      for (const track of this.stream.getTracks()) peer.addTransceiver(track, { direction: "sendonly", streams: [this.stream] });
      await peer.setLocalDescription();
      await gathered(peer);
      const answer = await this.server.ask("POST", "whip", { query: this.consent, body: peer.localDescription.sdp, type: "application/sdp", signal });
      this.session = answer.headers.get("Tacit-Session");
      await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      await opened(peer, channel, signal);
      channel.onclose = () => this.heard.lost("The connection to the server has closed.");
      peer.onconnectionstatechange = () => this.#changed(peer.connectionState);
    } catch (error) {
      this.close();
      // The server may have begun; it would wait for media that never come.
      if (this.session) this.server.ask("DELETE", `api/sessions/${this.session}`).catch(() => {});
      throw error;
    }
    return this.session;
  }

  #changed(state) {
    if (state === "disconnected") this.heard.weak("The connection is interrupted. Waiting for it to come back.");
    else if (state === "connected") this.heard.well();
    else if (state === "failed") this.heard.lost("The connection has failed.");
  }

  /** Send another stream from now on, for example of another camera. */
  async replace(stream) {
    const senders = this.peer?.getSenders().filter(sender => sender.track) ?? [];
    for (const sender of senders) {
      const next = stream.getTracks().find(track => track.kind === sender.track.kind);
      if (next) await sender.replaceTrack(next);
    }
    this.stream = stream;
  }

  close() {
    const peer = this.peer;
    this.peer = null;
    if (!peer) return;
    peer.onconnectionstatechange = this.channel.onclose = null;
    peer.close();
  }
}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise(done => {
    setTimeout(done, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => { if (peer.iceGatheringState === "complete") done(); });
  });
}

function opened(peer, channel, signal) {
  return new Promise((done, fail) => {
    const blocked = new TacitError("blocked", "The server answers, but no media gets through to it. A firewall may block UDP.");
    const timer = setTimeout(() => fail(blocked), 12_000);
    const settle = settled => { clearTimeout(timer); settled(); };
    channel.onopen = () => settle(done);
    channel.onclose = () => settle(() => fail(blocked));
    peer.onconnectionstatechange = () => { if (peer.connectionState === "failed") settle(() => fail(blocked)); };
    signal?.addEventListener("abort", () => settle(() => fail(refused("stopped", "It was stopped before it began."))), { once: true });
  });
}

/** Events of sessions that others feed: a file, the server's own devices, somebody else's call. */
class SocketLink {
  constructor(server, sessions, heard) { Object.assign(this, { server, sessions, heard, socket: null }); }

  async open(signal) {
    // A WebSocket cannot say why it was refused, and a session that has ended is no reason to try again.
    for (const id of this.sessions) await this.server.ask("GET", `api/sessions/${id}`, { signal });
    return new Promise((done, fail) => {
      const socket = (this.socket = new WebSocket(this.server.socketUrl(this.sessions)));
      socket.onopen = () => { socket.onclose = () => this.heard.lost("The connection to the server has closed."); done(this.sessions[0] ?? null); };
      socket.onclose = () => fail(new TacitError("unreachable", `No events come from ${this.server.base.host}. Is "tacit serve" running there?`));
      socket.onmessage = ({ data }) => this.heard.message(data);
    });
  }

  close() {
    if (!this.socket) return;
    this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }
}

function checked(options) {
  const { participant = "p1", purpose, consent, exception, reason, record } = options;
  if (!purpose) throw refused("purpose_needed", "Say what this is for: `purpose` is one of the codes of /api/info.");
  if (typeof consent !== "string" || !consent) throw refused("consent_needed", "Ask the person first: `consent` names their answer, and without it nothing is sent.");
  return { participant, purpose, consent, exception, reason, record };
}

/** A connection to one server, with the events that come from it. */
export class Tacit {
  #listeners = new Map();
  #link;
  #server;
  #state = "connecting";
  #attempt = 0;
  #timer = null;
  #heardAt = 0;
  #watch = null;
  #leave = () => this.#abandon();
  #resumes;
  #ended = false;
  #watching = false;

  /** Use `Tacit.connect`, `Tacit.play` or `Tacit.watch`. */
  constructor(server, makeLink, { reconnect = true } = {}) {
    this.#server = server;
    this.#resumes = reconnect;
    this.#link = makeLink({
      message: text => this.#receive(text), lost: why => this.#lost(why),
      weak: why => this.#become("weak", why), well: () => this.#become("live"),
    });
    /** The session's id on the server; a reconnection may begin another. */
    this.session = null;
  }

  /** Send a MediaStream, and get the events of its participant. Rejects with a `TacitError`. */
  static async connect(url, options) {
    const consent = checked(options);
    if (!options.stream?.getTracks().length) throw refused("no_media", "There is neither sound nor picture in `stream`.");
    const server = new Server(url, options.token);
    return new Tacit(server, heard => new PeerLink(server, options.stream, consent, heard), options).#begin(options.signal);
  }

  /** Have the server read something itself: "sample", "device" with its names, or a File. */
  static async play(url, { source, token, signal, reconnect, ...options }) {
    const consent = checked(options), server = new Server(url, token), file = source instanceof Blob;
    const answer = await (file
      ? server.ask("POST", "api/sessions", { query: { source: "upload", ...consent }, body: source, type: source.type || "application/octet-stream", signal })
      : server.ask("POST", "api/sessions", { body: JSON.stringify({ source, ...options, ...consent }), type: "application/json", signal }));
    const { session_id: session } = await answer.json();
    return new Tacit(server, heard => new SocketLink(server, [session], heard), { reconnect }).#begin(signal);
  }

  /** Only listen: to the named sessions, or to all that the server has. */
  static async watch(url, { sessions = [], token, reconnect } = {}) {
    const server = new Server(url, token);
    const tacit = new Tacit(server, heard => new SocketLink(server, sessions, heard), { reconnect });
    tacit.#watching = true;
    return tacit.#begin();
  }

  /** What the server is and can: the answer of /api/info. */
  static async info(url, token) {
    return (await new Server(url, token).ask("GET", "api/info")).json();
  }

  /** Cameras and microphones of the server's machine, for `play`; only who is on that machine is told. */
  static async devices(url, token) {
    return (await new Server(url, token).ask("GET", "api/devices")).json();
  }

  /** "connecting", "live", "weak" (interrupted), "reconnecting" or "closed". */
  get state() { return this.#state; }

  /** Listen to events; returns a function that stops listening. "event" gives all of them. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  /** Break a sensor on purpose, to see what happens: "face" "freeze", "audio" "mute", "text" "drop". */
  async inject(modality, kind, seconds) {
    const body = JSON.stringify({ modality, kind, seconds });
    return (await this.#ask("POST", "/inject", { body, type: "application/json" })).json();
  }

  /** Mend a sensor that was broken on purpose. */
  async mend(modality) { return (await this.#ask("DELETE", `/inject/${modality}`)).json(); }

  /** Send another stream from now on. */
  async replaceStream(stream) { await this.#link.replace?.(stream); }

  /** Stop. */
  async close() {
    const session = this.session;
    this.#settle();
    // Who only watches has no session of their own to end.
    if (session && !this.#watching) await this.#ask("DELETE", "", { keepalive: true }, session).catch(ignoreUnknown).finally(() => this.#link.close());
    else this.#link.close();
  }

  /** Stop, and have the server delete all that it keeps of this session. */
  async withdraw() {
    const session = this.session;
    this.#settle();
    if (!session) { this.#link.close(); return []; }
    const answer = await this.#ask("POST", "/withdraw", { keepalive: true }, session).catch(ignoreUnknown).finally(() => this.#link.close());
    return answer ? (await answer.json()).deleted : [];
  }

  #ask(method, path, options, session = this.session) {
    if (!session) throw refused("not_connected", "There is no session yet.");
    return this.#server.ask(method, `api/sessions/${session}${path}`, options);
  }

  async #begin(signal) {
    this.session = await this.#link.open(signal);
    globalThis.addEventListener?.("pagehide", this.#leave);
    this.#watch = setInterval(() => this.#listen(), 1000);
    this.#become("live");
    return this;
  }

  #emit(name, value) {
    for (const listener of this.#listeners.get(name) ?? []) listener(value);
  }

  #become(state, message = "") {
    if (state === "live") { this.#attempt = 0; this.#heardAt = performance.now(); }
    if (this.#state === "closed" || (this.#state === state && !message)) return;
    this.#state = state;
    this.#emit("state", { state, message });
  }

  #receive(text) {
    this.#heardAt = performance.now();
    if (this.#state === "weak") this.#become("live");
    const event = JSON.parse(text);
    if (event.type === "session.closed" && event.reason === "end" && event.session_id === this.session) this.#ended = true;
    this.#emit("event", event);
    if (KINDS[event.type]) this.#emit(KINDS[event.type], event);
    if (this.#ended) this.#finish("It has ended.");
  }

  /* A server that was killed says nothing: ask whether it is there when no event has come for long. */
  async #listen() {
    if (this.#state !== "live" && this.#state !== "weak") return;
    const silent = performance.now() - this.#heardAt;
    if (!(this.#link instanceof PeerLink) || silent < SILENCE_MS) return;
    if (silent > PATIENCE_MS) { this.#lost("Nothing has come from the server for long."); return; }
    if (this.#state === "live") this.#become("weak", "Nothing comes from the server.");
    try {
      await this.#server.ask("GET", "health");
    } catch (error) {
      if (this.#state === "weak") this.#lost(error.message);
    }
  }

  #lost(why) {
    if (this.#state === "closed" || this.#state === "reconnecting") return;
    this.#link.close();
    if (!this.#resumes) { this.#finish(why); return; }
    this.#retry(why);
  }

  #retry(why) {
    const wait = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
    this.#become("reconnecting", `${why} Trying again in ${Math.ceil(wait / 1000)} s.`);
    this.#timer = setTimeout(async () => {
      try {
        this.session = await this.#link.open();
        if (this.#state === "closed") this.#link.close(); else this.#become("live");
      } catch (error) {
        if (this.#state === "closed") return;
        if (error instanceof TacitError && error.final) this.#finish(error.message);
        else this.#retry(error.message);
      }
    }, wait);
  }

  /* The page goes away: media stop by themselves, but what the server plays for it would go on. */
  #abandon() {
    if (this.#link instanceof PeerLink) { this.#link.close(); return; }
    if (!this.#watching) this.close().catch(() => {});
  }

  #settle(message = "") {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    globalThis.removeEventListener?.("pagehide", this.#leave);
    this.#become("closed", message);
  }

  #finish(message = "") {
    this.#link.close();
    this.#settle(message);
  }
}

function ignoreUnknown(error) {
  // It has ended by itself, or the server is gone and its memory with it.
  if (error.code === "unknown_session" || error.code === "unreachable") return null;
  throw error;
}
