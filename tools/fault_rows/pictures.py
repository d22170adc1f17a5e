"""Rows 1 to 5: what can be wrong with pictures, in virtual time. Row 1 is in `cameras` as well."""

import time
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.live.handle import Piece
from tacit.stream.packet import NS_PER_MS
from tools.fault_rows.clip import PICTURE_NS, Picture, sample_clip
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.virtual import HOP_MS, loaded_hosts, spoil

FRAME_MS: Final = PICTURE_NS / NS_PER_MS
FIVE_FRAMES_MS: Final = 5 * FRAME_MS
TICK_MS: Final = 50.0
"""Health looks once in so long; what a rule itself takes is noticed up to one later."""
IDENTICAL_MS: Final = 600.0
STILL_MS: Final = 2100.0


def nothing(_t_ns: int, _picture: Picture) -> None:
    """No picture comes."""


def scene(t_ns: int, picture: Picture) -> Picture:
    """A wall whose soft stripes move, with a little grain: nothing that a finder takes for a face.

    Coarse random patches will not do: in about a third of them it finds one.
    """
    number = t_ns // PICTURE_NS
    height, width = picture.shape[:2]
    across = np.linspace(0.0, 1.0, width)[None, :]
    down = np.linspace(0.0, 1.0, height)[:, None]
    wall = np.stack([90 + 60 * across + 20 * down, 110 + 50 * across - 30 * down,
                     120 + 40 * across + 10 * down], axis=-1)  # fmt: skip
    stripes = 20.0 * np.sin(2.0 * np.pi * (6.0 * across + number / 25.0))
    grain = np.random.default_rng(number).integers(0, 5, wall.shape)
    return np.asarray(wall + stripes[..., None] + grain, dtype=np.uint8)


def two_people(_t_ns: int, picture: Picture) -> Picture:
    """The same picture twice, side by side, the left one larger."""
    height, width = picture.shape[:2]
    wide = width * 4 // 7
    left = cv2.resize(picture, (wide, height * wide // width))
    right = cv2.resize(picture, (width - wide, height * (width - wide) // width))
    both = np.full_like(picture, 90)
    both[: left.shape[0], :wide] = left
    both[: right.shape[0], wide:] = right
    return both


@fault(1, "camera-stops", "V", detect_ms=300, recover_ms=2000, gap_hops=2)
def camera_stops(_setting: Setting) -> Outcome:
    """No picture comes any more."""
    run = spoil(picture=nothing)
    outcome = run.outcome("face", "no_data")
    lost = run.graph.detected_ms("face", run.begin_ms, state="lost")
    outcome.check("lost within 1 s", lost is not None and lost <= 1000, f"{lost} ms")
    return outcome


@fault(2, "camera-frozen", "V", detect_ms=IDENTICAL_MS, recover_ms=FIVE_FRAMES_MS, gap_hops=2)
def camera_frozen(_setting: Setting) -> Outcome:
    """The driver gives the same picture again and again."""
    held = sample_clip().picture(99)
    return spoil(picture=lambda _t, _p: held).outcome("face", "frozen")


@fault(2, "camera-nearly-frozen", "V", detect_ms=STILL_MS, recover_ms=FIVE_FRAMES_MS, gap_hops=2)
def camera_nearly_frozen(_setting: Setting) -> Outcome:
    """The same picture with a little noise, as an encoder adds to a stuck one."""
    held = sample_clip().picture(99)

    def noisy(t_ns: int, _picture: Picture) -> Picture:
        source = np.random.default_rng(t_ns)
        flipped = source.random(held.shape[:2]) < 0.05
        return np.where(flipped[..., None], held ^ np.uint8(1), held)

    return spoil(picture=noisy).outcome("face", "frozen")


@fault(3, "camera-black", "V", detect_ms=500, recover_ms=FIVE_FRAMES_MS, gap_hops=2)
def camera_black(_setting: Setting) -> Outcome:
    """A covered lens: nearly black, with the noise of a sensor."""
    shape, source = sample_clip().picture(0).shape, np.random.default_rng(0)
    dark = [source.integers(0, 12, shape, dtype=np.uint8) for _ in range(25)]
    run = spoil(picture=lambda t_ns, _p: dark[t_ns // PICTURE_NS % len(dark)])
    outcome = run.outcome("face", "black")
    seen = [sample_clip().picture(k) for k in range(50)]
    spent = _stage_ms_per_picture(dark * 2), _stage_ms_per_picture(seen)
    found = f"{spent[0]:.1f} ms a picture, {spent[1]:.1f} with a face"
    outcome.check("no face is hunted in the dark", spent[0] < 0.6 * spent[1], found)
    return outcome


@fault(4, "face-leaves", "V", detect_ms=HOP_MS, recover_ms=HOP_MS, gap_hops=2)
def face_leaves(_setting: Setting) -> Outcome:
    """The person walks out of the picture and comes back."""
    run = spoil(picture=scene)
    outcome = run.outcome("face", "no_face")
    failed = run.graph.detected_ms("face", run.begin_ms, "no_data", "frozen", "black")
    outcome.check("it counts as no fault of the camera", failed is None)
    return outcome


@fault(4, "two-faces", "V", detect_ms=1000 + TICK_MS, recover_ms=1000 + HOP_MS, gap_hops=2)
def two_faces(_setting: Setting) -> Outcome:
    """A second person comes into the picture; a second face is looked for once a second."""
    run = spoil(picture=two_people)
    outcome = run.outcome("face")
    outcome.detected_ms = run.graph.flagged_ms("face", "two_faces", run.begin_ms)
    inside = run.graph.results(run.begin_ms + 1500, run.end_ms)
    read = [r.modalities["face"].source for r in inside]
    outcome.check("the larger face is read meanwhile", set(read) == {"measured"}, set(read))
    return outcome


@fault(5, "camera-half-rate", "V", detect_ms=100 * FRAME_MS, recover_ms=FIVE_FRAMES_MS, gap_hops=2)
def camera_half_rate(_setting: Setting) -> Outcome:
    """Every other picture is missing."""

    def every_other(t_ns: int, picture: Picture) -> Picture | None:
        return picture if t_ns // PICTURE_NS % 2 else None

    run = spoil(picture=every_other, for_s=6.0)
    outcome = run.outcome("face", "low_rate")
    read = [r.modalities["face"].source for r in run.graph.results(run.begin_ms, run.end_ms)]
    outcome.check("the face is read meanwhile", set(read) == {"measured"}, set(read))
    return outcome


@fault(5, "camera-new-size", "V", gap_hops=2)
def camera_new_size(_setting: Setting) -> Outcome:
    """The size of the pictures changes, and its shape with it."""

    def smaller(_t: int, picture: Picture) -> Picture:
        size = picture.shape[1] * 3 // 4, picture.shape[0] // 2
        return np.asarray(cv2.resize(picture[: picture.shape[0] * 2 // 3], size), dtype=np.uint8)

    run = spoil(picture=smaller)
    outcome = run.outcome("face")
    outcome.detected_ms = None
    lost = run.graph.detected_ms("face", run.begin_ms, state="lost")
    outcome.check("the face is not lost", lost is None, lost)
    read = [r.modalities["face"].source for r in run.graph.results(run.begin_ms, run.end_ms)]
    outcome.check("the face is read meanwhile", set(read) == {"measured"}, set(read))
    return outcome


def _stage_ms_per_picture(pictures: Sequence[Picture]) -> float:
    """CPU time that the face stage spends on a picture."""
    stage = loaded_hosts()["face"]
    name = f"cost-{time.monotonic_ns()}"
    packets = [
        Piece("media", "face", k * PICTURE_NS, PICTURE_NS, picture).packet(name, k, {})
        for k, picture in enumerate(pictures)
    ]
    began_s = time.process_time()
    for packet in packets:
        list(stage.take(packet))
    return (time.process_time() - began_s) * 1000 / len(pictures)
