/** Types of tacit.js and of the events that it gives; docs/events.md explains each of them. */

export type Emotion = "neutral" | "happiness" | "sadness" | "anger" | "fear" | "disgust" | "surprise";
export type Modality = "audio" | "face" | "text";
export type HealthState = "starting" | "ok" | "degraded" | "lost" | "muted" | "disabled" | "recovering";
export const EMOTIONS: readonly Emotion[];

/** `null` means not measured, never 0. */
export interface EmotionScore { name: Emotion; probability: number }
export interface Envelope { type: string; v: 1; session_id: string; seq: number }

export interface ModalityReading {
  state: HealthState;
  reason: string | null;
  /** "recovered" is a guess from the other sensors: show it as one. */
  source: "measured" | "recovered" | "absent";
  coverage: number;
  emotions: EmotionScore[] | null;
  spread: number | null;
}

export interface Measurement extends Envelope {
  type: "measurement.result" | "measurement.revised";
  revision: number;
  participant: string;
  window: { start_ms: number; end_ms: number };
  fused: { emotions: EmotionScore[] | null; valence: number | null; arousal: number | null; confidence: number | null; abstained: boolean };
  modalities: Partial<Record<Modality, ModalityReading>>;
  model: { id: string; sha256: string };
  latency_ms: Record<string, number>;
}

export interface SensorHealth extends Envelope {
  type: "sensor.health";
  t_ms: number;
  participant: string;
  modality: Modality;
  state: HealthState;
  reason: string | null;
  since_ms: number;
  evidence: Record<string, number>;
}

export interface Transcript extends Envelope {
  type: "transcript.partial" | "transcript.final";
  participant: string;
  start_ms: number;
  end_ms: number;
  text: string;
  language: string | null;
  words: { text: string; start_ms: number; end_ms: number; probability: number | null }[];
}

export interface SessionReady extends Envelope {
  type: "session.ready";
  source: string;
  anchor_utc: string | null;
  participants: string[];
  window_ms: number;
  hop_ms: number;
  modalities: Partial<Record<Modality, { state: HealthState; reason: string | null }>>;
  model: { id: string; sha256: string };
  purpose: string;
  consent: string;
  exception: "medical" | "safety" | null;
}

export interface SessionClosed extends Envelope { type: "session.closed"; t_ms: number; reason: "end" | "interrupted" | "error"; windows: number }
export interface DropReport extends Envelope {
  type: "drop.report"; t_ms: number; participant: string; modality: Modality; stage: string;
  offered: number; used: number; dropped: Record<string, number>; pending: number;
}
export interface ServerError extends Envelope { type: "error"; t_ms: number; code: string; message: string; fatal: boolean }

/** Only for those who watch: it is in no recording. Points are shares of the picture's width and height. */
export interface FaceOutline { type: "view.face"; session_id: string; participant: string; t_ms: number; outline: [number, number][] | null; faces: number }
export interface SoundLevel { type: "view.level"; session_id: string; participant: string; t_ms: number; db: number }

/** Whether the session is kept on the server: everybody in it must be able to see that. */
export interface RecordingState { type: "view.recording"; session_id: string; participant: string; content: "features" | "media"; state: "recording" | "stopped" | "ended" }

export type TacitEvent = Measurement | SensorHealth | Transcript | SessionReady | SessionClosed | DropReport | ServerError | FaceOutline | SoundLevel | RecordingState;

export type LinkState = "connecting" | "live" | "weak" | "reconnecting" | "closed";

export interface Listeners {
  measurement: Measurement;
  health: SensorHealth;
  transcript: Transcript;
  ready: SessionReady;
  closed: SessionClosed;
  drop: DropReport;
  error: ServerError;
  face: FaceOutline;
  level: SoundLevel;
  recording: RecordingState;
  /** How the connection is; `message` is for people. */
  state: { state: LinkState; message: string };
  /** Every event. */
  event: TacitEvent;
}

/** What has to be settled before anybody is analysed. */
export interface Consent {
  /** Who it is: letters, digits, ".", "_" and "-"; "p1" if left out. */
  participant?: string;
  /** One of the codes in `purposes` of /api/info. */
  purpose: string;
  /** What identifies this person's consent, for example the form's number. */
  consent: string;
  /** For purposes that the law forbids but for medical or safety reasons. */
  exception?: "medical" | "safety";
  /** Why the exception applies, 10 characters or more. */
  reason?: string;
  /** Keep the session on the server, where its operator allows it (`recording.offered` of /api/info): measurements and words alone, or sound and pictures too; nothing is kept if left out. */
  record?: "features" | "media";
}

export interface LinkOptions {
  /** Needed where the server is not on this machine. */
  token?: string;
  /** Stops the attempt to begin. */
  signal?: AbortSignal;
  /** Whether to come back by itself after the link was lost; true if left out. */
  reconnect?: boolean;
}

export interface ServerInfo {
  version: string;
  ready: boolean;
  ice_servers: RTCIceServer[];
  window_ms: number;
  hop_ms: number;
  text: { enabled: boolean; reason: string | null; remedy: string | null };
  purposes: { code: string; label: string; needs_exception: boolean }[];
  exceptions: string[];
  sources: string[];
  injections: { modality: Modality; kinds: string[] }[];
  limits: { sessions: number; upload_bytes: number; offer_bytes: number };
  model: { id: string; sha256: string };
  [more: string]: unknown;
}

export interface ServerDevices {
  devices: { kind: "audio" | "video"; name: string }[];
  /** Why something cannot be listed, and what to do; null where all is well. */
  problem: string | null;
}

/** Something went wrong: `message` is for people, `code` for programs, `status` the HTTP status or 0. */
export class TacitError extends Error {
  readonly code: string;
  readonly status: number;
  /** Whether trying the same again is of no use. */
  readonly final: boolean;
}

export class Tacit {
  private constructor();
  /** Send a MediaStream, and get the events of its participant. */
  static connect(url: string, options: Consent & LinkOptions & { stream: MediaStream }): Promise<Tacit>;
  /** Have the server read the bundled sample, a File, or its own devices. */
  static play(url: string, options: Consent & LinkOptions & { source: "sample" | "device" | Blob; inject?: string; loop?: boolean; audio?: string; video?: string }): Promise<Tacit>;
  /** Only listen: to the named sessions, or to all. */
  static watch(url: string, options?: LinkOptions & { sessions?: string[] }): Promise<Tacit>;
  static info(url: string, token?: string): Promise<ServerInfo>;
  /** Cameras and microphones of the server's machine; only callers on that machine are told. */
  static devices(url: string, token?: string): Promise<ServerDevices>;

  /** The session's id; a reconnection may begin another. */
  readonly session: string | null;
  readonly state: LinkState;
  /** Listen; returns a function that stops listening. */
  on<Name extends keyof Listeners>(name: Name, listener: (event: Listeners[Name]) => void): () => void;
  /** Break a sensor on purpose; without `seconds` until it is mended. */
  inject(modality: Modality, kind: string, seconds?: number): Promise<{ injected: unknown[] }>;
  mend(modality: Modality): Promise<{ injected: unknown[] }>;
  /** Send another stream from now on. */
  replaceStream(stream: MediaStream): Promise<void>;
  /** Stop. */
  close(): Promise<void>;
  /** Stop, and have all deleted that the server keeps of it; gives the names of what was deleted. */
  withdraw(): Promise<string[]>;
}

/** `<tacit-meter>`, of tacit-meter.js. */
export interface TacitMeterElement extends HTMLElement { source: Tacit | null }
