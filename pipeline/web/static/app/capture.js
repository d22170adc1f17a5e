/** This browser's camera and microphone, and what to do when they are not to be had. */

/** Capture is impossible; `message` says what to do about it. */
export class CaptureError extends Error {
  constructor(message) { super(message); this.name = "CaptureError"; }
}

const OTHERWISE = "Or choose the bundled sample or a recording.";
const AUDIO = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const VIDEO = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };

/** Why the browser gave no media, as a sentence that says what to do. */
export function captureProblem(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return `The browser was not allowed to use camera and microphone. Allow both for this page, mostly by the sign in the address bar, and start again. ${OTHERWISE}`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `Neither a camera nor a microphone was found. Connect one and start again. ${OTHERWISE}`;
    case "NotReadableError":
    case "AbortError":
      return `The camera or the microphone cannot be opened; perhaps another program uses it. Close that and start again. ${OTHERWISE}`;
    default:
      return `Camera and microphone cannot be used: ${error?.message ?? error}. ${OTHERWISE}`;
  }
}

/**
 * Open both, or the one that is there.
 *
 * @param {MediaDevices|undefined} devices `navigator.mediaDevices`, which insecure pages don't have.
 * @returns {Promise<{stream: MediaStream, missing: string}>} `missing` says in words what is not there.
 */
export async function openMedia(devices) {
  if (!devices?.getUserMedia) throw new CaptureError(`Browsers lend camera and microphone only to pages on localhost or with https. Open this page as http://localhost, or give the server a certificate. ${OTHERWISE}`);
  try {
    return { stream: await devices.getUserMedia({ audio: AUDIO, video: VIDEO }), missing: "" };
  } catch (error) {
    if (error.name !== "NotFoundError" && error.name !== "NotReadableError") throw new CaptureError(captureProblem(error));
    return one(devices, error);
  }
}

async function one(devices, first) {
  const tries = [[{ video: VIDEO }, "No microphone can be opened, so only the face is read."], [{ audio: AUDIO }, "No camera can be opened, so only the voice is read."]];
  for (const [wanted, missing] of tries) {
    try {
      return { stream: await devices.getUserMedia(wanted), missing };
    } catch { /* The other one may be there; if neither is, the first error tells why. */ }
  }
  throw new CaptureError(captureProblem(first));
}

/** Let go of camera and microphone, so that their lights go out. */
export function release(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
