/**
 * States, reasons and readings in sentences, as the page says them.
 *
 * What is told is what is *expressed*; nothing here may sound as if Tacit knew what somebody feels.
 */

export const SENSORS = Object.freeze({ audio: "Voice", face: "Face", text: "Words" });

export const STATES = Object.freeze({
  starting: "starting",
  ok: "fine",
  degraded: "degraded",
  lost: "lost",
  muted: "muted",
  disabled: "switched off",
  recovering: "coming back",
});

/** Marks that tell the states apart without colour. */
export const MARKS = Object.freeze({
  starting: "…", ok: "✓", degraded: "!", lost: "✕", muted: "∅", disabled: "–", recovering: "↻",
});

export const REASONS = Object.freeze({
  nonfinite: "the data are not numbers",
  silent: "digital silence: the microphone is muted or unplugged",
  stuck: "the same sound comes over and over",
  clipped: "the sound is too loud and clips",
  quiet: "the room is quiet",
  black: "the picture is black: is the lens covered?",
  frozen: "the picture is frozen",
  no_face: "no face is in the picture",
  dark: "the picture is too dark",
  blurred: "the picture is blurred",
  noisy: "it is full of noise",
  two_faces: "there are two faces; the larger one is read",
  overflow: "the device lost some of it",
  late: "words come long after they were said",
  babble: "words were recognised where there was nothing to hear; they are left out",
  no_data: "no data arrive",
  stalled: "recognition has fallen behind or stopped",
  low_rate: "data come more slowly than at first",
  worker_died: "its program ended and is started again",
  worker_hung: "its program did not answer and is started again",
  worker_memory: "its program took too much memory and is started again",
  source_failed: "its source failed",
  device_lost: "its device is gone; it is looked for",
  no_audio_stream: "there is no sound in it",
  no_video_stream: "there is no picture in it",
  switched_off: "it is switched off",
  no_weights: "the speech recognition model is not here",
});

const EXPECTED_S = 10;

/** What a reason of an event means; one that is not known here is given as it is. */
export function reasonInWords(reason) {
  if (!reason) return "";
  return REASONS[reason] ?? reason.replaceAll("_", " ");
}

/** "lost: the picture is frozen" */
export function stateInWords({ state, reason }) {
  const name = STATES[state] ?? state, why = reasonInWords(reason);
  if (!why) return name;
  return why.includes(name) ? why : `${name}: ${why}`;
}

/** "Face: lost: the picture is frozen", as it is announced. */
export const healthInWords = (modality, health) => `${SENSORS[modality] ?? modality} ${stateInWords(health)}`;

const listed = names =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

const named = (modalities, source) =>
  Object.keys(SENSORS).filter(name => modalities[name]?.source === source).map(name => SENSORS[name].toLowerCase());

/** A share of 0 to 1 as whole per cent. */
export const percent = share => `${Math.round(share * 100)} %`;

/** A value of -1 to 1 with its sign. */
export const signed = value => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** Session time as m:ss, or h:mm:ss. */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000)), minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
  const two = value => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/**
 * The claim of one window: a headline and what it rests on.
 *
 * @param {object|null} reading a window of `History`, or null before the first.
 * @param {number} waitMs how long there has been no first reading.
 */
export function claim(reading, waitMs = 0) {
  if (!reading) {
    const late = waitMs > EXPECTED_S * 1000;
    return {
      headline: late ? "Still no reading" : "Looking and listening…",
      basis: late ? "The server is busy or gets nothing from this source. See the sensors."
        : "The first reading needs three seconds of face, voice or words.",
    };
  }
  const measured = named(reading.modalities, "measured"), guessed = named(reading.modalities, "recovered");
  const basis = [];
  if (measured.length) basis.push(`From ${listed(measured)}.`);
  if (guessed.length) basis.push(`${listed(guessed).replace(/^./, c => c.toUpperCase())} guessed, not measured.`);
  if (!reading.emotions) return { headline: "Nothing was measured, so nothing is claimed", basis: "" };
  if (reading.abstained) {
    return { headline: "No emotion claimed: too unsure", basis: basis.join(" ") };
  }
  const best = reading.emotions.reduce((a, b) => (b.probability > a.probability ? b : a));
  return { headline: `Expressed: ${best.name}, ${percent(best.probability)}`, basis: basis.join(" ") };
}
