/**
 * What the events of a session say, kept for as long as the page shows it.
 *
 * No element, clock or network is touched here, so that everything can be tested event by event.
 */

import { EMOTIONS } from "../tacit.js";

export const KEPT_MS = 180_000;
const KEPT_SENTENCES = 200;
const KEPT_LATENCIES = 120;

/** Lowest and highest probability that the fused reading and each measured sensor alone give. */
export function aloneRange(event, index) {
  const said = [event.fused.emotions[index].probability];
  for (const modality of Object.values(event.modalities)) {
    if (modality.emotions && modality.source === "measured") said.push(modality.emotions[index].probability);
  }
  return [Math.min(...said), Math.max(...said)];
}

function reading(event, hopMs) {
  const { fused, modalities, window } = event;
  const ordered = fused.emotions && EMOTIONS.map(name => fused.emotions.find(e => e.name === name) ?? { name, probability: 0 });
  const aligned = { ...event, fused: { ...fused, emotions: ordered } };
  return {
    startMs: window.start_ms,
    endMs: window.end_ms,
    fromMs: Math.max(window.start_ms, window.end_ms - hopMs),
    revision: event.revision,
    emotions: ordered,
    ranges: ordered && EMOTIONS.map((_, index) => aloneRange(aligned, index)),
    valence: fused.valence,
    arousal: fused.arousal,
    confidence: fused.confidence,
    abstained: fused.abstained,
    modalities,
    guessed: Object.values(modalities).some(m => m.source === "recovered"),
  };
}

/** One participant: readings, sensors and words. */
export class Person {
  constructor(name) {
    this.name = name;
    this.readings = [];
    this.sensors = {};
    this.sentences = [];
    this.partial = null;
    this.outline = null;
    this.latencies = [];
  }

  get latest() { return this.readings.at(-1) ?? null; }

  /** Readings of the last `ms`, oldest first. */
  since(ms) {
    const end = this.latest?.endMs ?? 0;
    return this.readings.filter(r => r.endMs > end - ms);
  }

  /** Stretches of equal source and state of one sensor: `{fromMs, toMs, source, state, reason}`. */
  stretches(modality, ms = KEPT_MS) {
    const found = [];
    for (const { fromMs, endMs, modalities } of this.since(ms)) {
      const m = modalities[modality];
      if (!m) continue;
      const last = found.at(-1);
      if (last && last.source === m.source && last.state === m.state && last.reason === m.reason && last.toMs >= fromMs) last.toMs = endMs;
      else found.push({ fromMs, toMs: endMs, source: m.source, state: m.state, reason: m.reason });
    }
    return found;
  }

  add(next) {
    // Windows mostly come in order; a revision replaces one of the last few.
    let at = this.readings.length;
    while (at > 0 && this.readings[at - 1].endMs > next.endMs) at--;
    const same = this.readings[at - 1]?.endMs === next.endMs;
    if (same && this.readings[at - 1].revision > next.revision) return;
    this.readings.splice(same ? at - 1 : at, same ? 1 : 0, next);
    const oldest = this.latest.endMs - KEPT_MS;
    while (this.readings[0].endMs <= oldest) this.readings.shift();
  }

  say(event, isFinal) {
    if (!isFinal) { this.partial = event; return; }
    if (this.partial && this.partial.start_ms <= event.end_ms) this.partial = null;
    this.sentences.push(event);
    if (this.sentences.length > KEPT_SENTENCES) this.sentences.shift();
  }

  time(latency) {
    this.latencies.push(latency);
    if (this.latencies.length > KEPT_LATENCIES) this.latencies.shift();
  }
}

/** Everything that was told of one session. */
export class History {
  constructor() {
    this.people = new Map();
    this.ready = null;
    this.closed = null;
    this.problems = [];
  }

  /** The record of a participant, made when it is first named. */
  person(name) {
    if (!this.people.has(name)) this.people.set(name, new Person(name));
    return this.people.get(name);
  }

  get hopMs() { return this.ready?.hop_ms ?? 500; }

  /**
   * Take one event. Unknown ones are ignored, as readers of events should.
   *
   * @returns {Person|null} whom it concerns.
   */
  receive(event) {
    switch (event.type) {
      case "session.ready": return this.#begin(event);
      case "session.closed": this.closed = event; return null;
      case "error": this.problems.push(event); return null;
      default:
    }
    if (typeof event.participant !== "string") return null;
    const person = this.person(event.participant);
    switch (event.type) {
      case "measurement.result":
      case "measurement.revised":
        person.add(reading(event, this.hopMs));
        if (event.type === "measurement.result") person.time(event.latency_ms);
        break;
      case "sensor.health":
        person.sensors[event.modality] = { state: event.state, reason: event.reason, sinceMs: event.since_ms };
        break;
      case "transcript.partial": person.say(event, false); break;
      case "transcript.final": person.say(event, true); break;
      case "face.outline": person.outline = event.points ?? null; break;
      default: return null;
    }
    return person;
  }

  #begin(event) {
    // A session that was joined anew has a new clock: what was kept of the old one has no place on it.
    if (this.ready && this.ready.session_id !== event.session_id) {
      this.people.clear();
      this.problems.length = 0;
      this.closed = null;
    }
    this.ready = event;
    for (const name of event.participants) {
      const person = this.person(name);
      for (const [modality, start] of Object.entries(event.modalities)) {
        person.sensors[modality] ??= { state: start.state, reason: start.reason, sinceMs: 0 };
      }
    }
    return null;
  }
}

/** A quantile (0 to 1) of some numbers, or null of none. */
export function quantile(values, share) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
