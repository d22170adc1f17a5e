"""Make the bundled sample: an animated public-domain portrait with a synthetic voice.

The picture is scikit-image's `astronaut()` (NASA, public domain): it drifts, turns a little,
blinks, moves its mouth with the voice and changes its expression from sentence to sentence. The
voice is espeak-ng reading sentences written for this file. Run `python -m tools.make_sample`; the
same machine makes the same bytes.
"""

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import mediapipe
import numpy as np
import skimage.data
from faster_whisper.vad import get_speech_timestamps
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from tools.portrait import Expression, Portrait

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]

OUT: Final = Path(__file__).resolve().parent.parent / "pipeline" / "assets" / "sample.mp4"
WIDTH: Final = 640
HEIGHT: Final = 480
FPS: Final = 30
VOICE_HZ: Final = 22_050
SAMPLE_HZ: Final = 48_000
VAD_HZ: Final = 16_000
MAX_BYTES: Final = 2_000_000
MIN_FACE_SHARE: Final = 0.95
MIN_SPEECH_S: Final = 5.0
FADE_S: Final = 0.35


@dataclass(frozen=True, slots=True)
class Sentence:
    """One spoken sentence and how it looks.

    Attributes:
        text: what is said.
        pitch: espeak-ng pitch, 0 to 99.
        words_per_minute: espeak-ng speed.
        loudness: peak amplitude in (0, 1].
        expression: what the face shows meanwhile.
    """

    text: str
    pitch: int
    words_per_minute: int
    loudness: float
    expression: Expression


SCRIPT: Final = (
    Sentence("This is a sample, made without a camera.", 45, 165, 0.5, Expression(corners=-0.6)),
    Sentence(
        "What a wonderful day, everything works!",
        75,
        195,
        0.8,
        Expression(corners=0.8, brows=0.4),
    ),
    Sentence(
        "And now I am sorry to say that it is nearly over.",
        22,
        130,
        0.4,
        Expression(corners=-1.3, brows=-0.8),
    ),
    Sentence("Oh! Still here?", 85, 180, 0.8, Expression(corners=-0.2, brows=1.0, lids=0.6)),
)
GAP_S: Final = 0.45


def speak(sentence: Sentence) -> Float32:
    """Say one sentence.

    Args:
        sentence: what to say and how.

    Returns:
        (N,) float32 mono at 48 kHz, its peak at the sentence's loudness.

    Raises:
        RuntimeError: espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("needs espeak-ng (Debian: apt-get install espeak-ng)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        settings = f"-v en-us+f3 -p {sentence.pitch} -s {sentence.words_per_minute}".split()
        subprocess.run([program, *settings, "-w", str(path), sentence.text], check=True, timeout=30)
        rate, samples = wavfile.read(path)
    if rate != VOICE_HZ:
        raise RuntimeError(f"espeak-ng gave {rate} Hz, expected {VOICE_HZ}")
    voice = resample_poly(samples.astype(np.float32), SAMPLE_HZ // 150, VOICE_HZ // 150)
    scaled: Float32 = (voice * (sentence.loudness / np.abs(voice).max())).astype(np.float32)
    return scaled


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The whole sound track and when each sentence is said.

    Attributes:
        samples: (N,) float32 mono at 48 kHz.
        spans: start and end of each sentence in s.
    """

    samples: Float32
    spans: tuple[tuple[float, float], ...]

    @property
    def duration_s(self) -> float:
        """Length in s."""
        return len(self.samples) / SAMPLE_HZ


def make_track(script: tuple[Sentence, ...]) -> Track:
    """Say all sentences with a pause before, between and after them."""
    gap = np.zeros(int(GAP_S * SAMPLE_HZ), dtype=np.float32)
    parts = [gap]
    spans: list[tuple[float, float]] = []
    at = len(gap)
    for sentence in script:
        voice = speak(sentence)
        spans.append((at / SAMPLE_HZ, (at + len(voice)) / SAMPLE_HZ))
        parts += [voice, gap]
        at += len(voice) + len(gap)
    return Track(np.concatenate(parts), tuple(spans))


def mouth_openings(track: Track, frames: int) -> Float32:
    """Follow the loudness of the voice, so that the mouth moves with it.

    Args:
        track: the sound.
        frames: how many video frames there are.

    Returns:
        (frames,) float32 in [0, 1].
    """
    step = SAMPLE_HZ // FPS
    padded = np.zeros(frames * step, dtype=np.float32)
    padded[: min(len(track.samples), len(padded))] = track.samples[: len(padded)]
    loudness = np.sqrt((padded.reshape(frames, step) ** 2).mean(axis=1))
    opening: Float32 = gaussian_filter1d(loudness / loudness.max(), 1.2).astype(np.float32)
    return np.clip(opening * 1.3, 0.0, 1.0)


def fade(t_s: float, start_s: float, end_s: float) -> float:
    """Weight in [0, 1] of a sentence's expression at a time: a smooth rise and fall."""
    rise = np.clip((t_s - start_s) / FADE_S + 0.5, 0.0, 1.0)
    fall = np.clip((end_s - t_s) / FADE_S + 0.5, 0.0, 1.0)
    weight = float(rise * fall)
    return weight * weight * (3.0 - 2.0 * weight)


def expression_at(t_s: float, opening: float, track: Track) -> Expression:
    """Mix the expressions of the sentences around a time, and blink every 2.6 s."""
    weights = [fade(t_s, *span) for span in track.spans]
    shown = [sentence.expression for sentence in SCRIPT]
    blink = math.exp(-((((t_s + 1.1) % 2.6) - 1.3) ** 2) / (2 * 0.05**2))
    return Expression(
        corners=sum(w * e.corners for w, e in zip(weights, shown, strict=True)),
        brows=sum(w * e.brows for w, e in zip(weights, shown, strict=True)),
        lids=sum(w * e.lids for w, e in zip(weights, shown, strict=True)),
        mouth=opening,
        blink=blink,
    )


def draw_frames(track: Track) -> Iterator[Image]:
    """Draw the video, frame by frame.

    Args:
        track: the sound that the face goes with.

    Yields:
        (480, 640, 3) uint8 BGR.
    """
    still: Image = skimage.data.astronaut()[..., ::-1].copy()
    portrait = Portrait.find(still)
    frames = int(track.duration_s * FPS)
    openings = mouth_openings(track, frames)
    for index in range(frames):
        t_s = index / FPS
        expression = expression_at(t_s, float(openings[index]), track)
        yield portrait.draw(expression, t_s, (WIDTH, HEIGHT))


def write_video(path: Path, track: Track) -> None:
    """Encode picture and sound as H.264 and AAC in an MP4 that browsers open at once."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as container:
        video: Any = container.add_stream(
            "libx264", rate=FPS, options={"crf": "23", "preset": "slow", "threads": "1"}
        )
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio: Any = container.add_stream("aac", rate=SAMPLE_HZ, layout="mono")
        audio.bit_rate = 96_000
        for index, image in enumerate(draw_frames(track)):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, len(track.samples), 1024):
            chunk = np.ascontiguousarray(track.samples[None, start : start + 1024])
            sound = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = SAMPLE_HZ, start, Fraction(1, SAMPLE_HZ)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a program sees and hears in a sample.

    Attributes:
        size_bytes: of the file.
        frames: video frames.
        face_share: share in [0, 1] of frames in which the face mesh finds a face.
        speech_s: seconds in which the voice detector finds speech.
        codecs: of the streams, sorted.
    """

    size_bytes: int
    frames: int
    face_share: float
    speech_s: float
    codecs: tuple[str, ...]

    def faults(self) -> list[str]:
        """Say what makes the file unfit to ship; empty when it is fit."""
        checks = {
            f"{self.size_bytes} bytes, more than {MAX_BYTES}": self.size_bytes > MAX_BYTES,
            f"a face in {self.face_share:.0%} of the frames only": self.face_share < MIN_FACE_SHARE,
            f"{self.speech_s:.1f} s of speech only": self.speech_s < MIN_SPEECH_S,
            f"codecs are {self.codecs}": self.codecs != ("aac", "h264"),
        }
        return [fault for fault, found in checks.items() if found]


def inspect(path: Path) -> Findings:
    """Look for the face in every frame and for speech in the whole sound track."""
    frames = faces = 0
    sound: list[Float32] = []
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=VAD_HZ)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1)
    with mesh, av.open(str(path)) as container:
        codecs = tuple(sorted(stream.codec_context.name for stream in container.streams))
        decoded: Iterator[Any] = container.decode()
        for frame in decoded:
            if isinstance(frame, av.VideoFrame):
                found = mesh.process(frame.to_ndarray(format="rgb24")).multi_face_landmarks
                frames, faces = frames + 1, faces + bool(found)
            elif isinstance(frame, av.AudioFrame):
                sound += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    spans = get_speech_timestamps(np.concatenate(sound))
    speech_s = sum(span["end"] - span["start"] for span in spans) / VAD_HZ
    share = faces / frames if frames else 0.0
    return Findings(path.stat().st_size, frames, share, speech_s, codecs)


def main(argv: list[str] | None = None) -> int:
    """Make the sample and refuse it if it is unfit."""
    parser = argparse.ArgumentParser(description="Make the bundled sample video.")
    parser.add_argument("--out", type=Path, default=OUT, help="default: %(default)s")
    out: Path = parser.parse_args(argv).out
    out.parent.mkdir(parents=True, exist_ok=True)
    write_video(out, make_track(SCRIPT))
    findings = inspect(out)
    print(findings)
    for fault in findings.faults():
        print(f"make_sample: {out.name}: {fault}", file=sys.stderr)
    return 1 if findings.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
