/* One side of the call: media to the server, the other one's media and both people's readings back. */
import "/tacit/tacit-meter.js";

const $ = id => document.getElementById(id);
let peer = null;

/* What <tacit-meter> listens to: here events come over the call's own data channel. */
class Events {
  #listeners = new Map();
  on(name, listener) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return () => this.#listeners.set(name, this.#listeners.get(name).filter(each => each !== listener));
  }
  give(event) {
    const name = { "measurement.result": "measurement", "measurement.revised": "measurement", "sensor.health": "health" }[event.type];
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
}

async function join(name) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
  const events = new Events();
  $("mine").srcObject = stream;
  $("my-meter").setAttribute("participant", name);
  for (const id of ["my-meter", "their-meter"]) $(id).source = events;

  peer = new RTCPeerConnection({ iceServers: [] });
  for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: "sendrecv", streams: [stream] });
  const theirs = new MediaStream();
  peer.ontrack = ({ track }) => theirs.addTrack(track);
  $("theirs").srcObject = theirs;
  peer.createDataChannel("call").onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.participant && event.participant !== name) $("their-meter").setAttribute("participant", event.participant);
    events.give(event);
  };
  await peer.setLocalDescription();
  await new Promise(done => { peer.onicegatheringstatechange = () => { if (peer.iceGatheringState === "complete") done(); }; });

  const query = new URLSearchParams({ name, consent: `call page ${new Date().toISOString()}` });
  const answer = await fetch(`join?${query}`, { method: "POST", body: peer.localDescription.sdp });
  if (!answer.ok) throw new Error(await answer.text());
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  $("join").hidden = true;
  $("call").hidden = false;
}

function leave() {
  for (const track of $("mine").srcObject?.getTracks() ?? []) track.stop();
  peer?.close();
  peer = null;
  $("join").hidden = false;
  $("call").hidden = true;
}

$("join").addEventListener("submit", async event => {
  event.preventDefault();
  $("problem").textContent = "";
  try {
    await join(event.target.elements.name.value);
  } catch (error) {
    leave();
    $("problem").textContent = error.name === "NotAllowedError" ? "Allow camera and microphone for this page, then join again." : error.message;
  }
});
$("leave").addEventListener("click", leave);
addEventListener("pagehide", leave);
