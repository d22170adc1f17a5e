"""Measures sensor health on real recordings: false alarms, missed faults, and how thresholds lie.

    python -m tools.health_fit --root ../shared/data
    python -m tools.health_fit render

Every second clip fits the thresholds, the others are held out. The streams go through the checks
and the health monitor that a session uses, faces included. `render` puts the figures into
docs/health.md.
"""

import argparse
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import track

from tacit.models.face_encoder import FaceReader, FaceReading
from tacit.pipeline.health import Health, HealthMonitor
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.job import OVERFLOWED
from tacit.pipeline.quality import (
    AudioChecker,
    AudioLimits,
    Quality,
    QualityFlag,
    VideoChecker,
    VideoLimits,
)
from tacit.pipeline.stages.emitter import Emitter
from tacit.pipeline.stages.face import FaceTrack
from tacit.pipeline.stages.reports import quality_of
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Modality, Packet
from tools.health_clips import Clip, load_clips, split
from tools.health_faults import BEGIN_S, FAULTS, Fault, broken
from tools.health_page import PAGE, rendered

ALARMS: Final = frozenset({HealthState.DEGRADED, HealthState.LOST, HealthState.MUTED})
CLEAN_S: Final = 120.0
FACE_HZ: Final = 10.0
TICK_NS: Final = 50 * NS_PER_MS
Seen = Iterator[tuple[Packet, Quality]]


class RememberingReader(FaceReader):
    """Reads each picture of a looped clip twice at most; the same pixels look the same."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self._known: dict[int, list[FaceReading]] = {}

    def read(self, image_bgr: Any, t_ns: int) -> FaceReading:
        """As `FaceReader.read`."""
        known = self._known.setdefault(id(image_bgr), [])
        if len(known) < 2:
            known.append(self._reader.read(image_bgr, t_ns))
        return known[-1]


def listen(packets: Iterable[Packet]) -> Seen:
    """What the checks of the audio stage find."""
    checker = AudioChecker()
    state = checker.initial_state()
    for packet in packets:
        quality, state = checker.check(packet.data, packet.t_capture_ns, state)
        if packet.meta.get(OVERFLOWED):
            quality = quality.with_flags(QualityFlag.OVERFLOW)
        yield packet, quality


def watch(packets: Iterable[Packet], reader: FaceReader) -> Seen:
    """What the face stage finds."""
    track_ = FaceTrack(reader, Emitter("face", "p1", 0), 0, FACE_HZ)
    for packet in packets:
        for found in track_.push(packet):
            yield packet, quality_of(found.meta)


def changes(seen: Seen, modality: Modality, seconds: float) -> list[Health]:
    """Changes of health that a stream brings about, if nothing comes after its last piece."""
    monitor = HealthMonitor("p1", [modality])
    found: list[Health] = []
    due_ns = 0
    for packet, quality in seen:
        while due_ns <= packet.t_capture_ns:
            found += monitor.tick(due_ns)
            due_ns += TICK_NS
        found += monitor.observe(modality, packet.t_capture_ns, packet.duration_ns, quality)
    return found + monitor.tick(round(seconds * NS_PER_S))


def alarms(found: Sequence[Health], after_ns: int = 0) -> list[Health]:
    """Changes to a state that is not good."""
    return [change for change in found if change.state in ALARMS and change.t_ns >= after_ns]


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault in one clip.

    Attributes:
        clip: which.
        detected_ms: how long it took; None when it was not found in time.
        told: the first thing that was said of it.
    """

    clip: str
    detected_ms: float | None
    told: str


def try_fault(clip: Clip, fault: Fault, others: Sequence[Clip], reader: FaceReader) -> Trial:
    """Break a stream and see whether it is found."""
    begin_ns = round(BEGIN_S * NS_PER_S)
    packets = broken(clip, fault, others)
    if fault.modality == "audio":
        found = changes(listen(packets), "audio", fault.total_s)
    else:
        found = changes(watch(packets, reader), "face", fault.total_s)
    told = alarms(found, begin_ns)
    for change in told:
        if change.reason in fault.reasons:
            late_ns = change.t_ns - begin_ns
            in_time = late_ns <= fault.within_s * NS_PER_S
            return Trial(clip.name, late_ns / NS_PER_MS if in_time else None, str(change.reason))
    return Trial(clip.name, None, str(told[0].reason) if told else "nothing")


def clean_minutes(
    clips: Sequence[Clip], modality: Modality, reader: FaceReader, seconds: float
) -> dict[str, Any]:
    """False alarms on clips as they are.

    Some recordings hold half a second of digital zeros and more. To find those is right, so they
    are told apart.

    Returns:
        clips, minutes, alarms (each told), alarms per minute, and stretches of digital zeros.
    """
    total_s = 0.0
    told: list[str] = []
    silences: list[str] = []
    for clip in track(clips, f"clean {modality}"):
        if modality == "audio":
            found = changes(listen(clip.hear(seconds)), "audio", seconds)
        else:
            seen = watch(clip.watch(seconds), RememberingReader(reader))
            found = changes(seen, "face", seconds)
            reader.restart()
        total_s += seconds
        for change in alarms(found):
            line = f"{clip.name} {change.t_ns / NS_PER_S:.1f} s {change.state}: {change.reason}"
            (silences if change.reason == QualityFlag.SILENT else told).append(line)
    minutes = total_s / 60
    return {
        "clips": len(clips),
        "minutes": round(minutes, 1),
        "alarms": told,
        "per_minute": round(len(told) / minutes, 3) if minutes else None,
        "silences": silences,
    }


def fault_rates(
    clips: Sequence[Clip], reader: FaceReader, faults: Sequence[Fault] = FAULTS
) -> list[dict[str, Any]]:
    """How many faults are found in time."""
    rows = []
    for fault in track(faults, "faults"):
        fit = [c for c in clips if (c.sound.size if fault.modality == "audio" else c.pictures)]
        trials = []
        for index, clip in enumerate(fit):
            reader.restart()
            trials.append(try_fault(clip, fault, fit[index + 1 :] + fit[:index], reader))
        times = [t.detected_ms for t in trials if t.detected_ms is not None]
        rows.append(
            {
                "fault": fault.name,
                "limit_ms": round(fault.within_s * 1000),
                "trials": len(trials),
                "found": len(times),
                "median_ms": round(float(np.median(times)), 1) if times else None,
                "worst_ms": round(max(times), 1) if times else None,
                "missed": [f"{t.clip}: {t.told}" for t in trials if t.detected_ms is None],
            }
        )
    return rows


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number that a check compares with.

    Attributes:
        name: of the limit.
        shipped: its value.
        measure: name of what it is compared with.
        fault: of `FAULTS` by name.
        above: whether a fault makes the measure larger.
    """

    name: str
    shipped: float
    measure: str
    fault: str
    above: bool


THRESHOLDS: Final = (
    Threshold("sound.noise_range_db", AudioLimits().noise_range_db, "range_db",
              "sound: pink noise, 5 dB", False),
    Threshold("picture.noise_sigma", VideoLimits().noise_sigma, "noise",
              "picture: noise, 10 grey levels", True),
    Threshold("picture.blur_ratio", VideoLimits().blur_ratio, "sharpness",
              "picture: blurred, 8 px", False),
    Threshold("picture.dark_mean", VideoLimits().dark_mean, "brightness",
              "picture: dark, exposure 0.1", False),
    Threshold("picture.black_share", VideoLimits().black_share, "black",
              "picture: black", True),
    Threshold("picture.still_tile_change", VideoLimits().still_tile_change, "tile_change",
              "picture: frozen, coded again", False),
)  # fmt: skip


def fitted(clips: Sequence[Clip]) -> list[dict[str, Any]]:
    """Where clean and broken streams lie, and the middle between them.

    Returns:
        per threshold the clean value that comes nearest to a fault, the fault's value that comes
        nearest to clean ones (the mildest tenth of its pieces left out), their geometric mean, and
        what is shipped.
    """
    rows = []
    for limit in track(THRESHOLDS, "thresholds"):
        fault = next(f for f in FAULTS if f.name == limit.fault)
        fit = [c for c in clips if (c.sound.size if fault.modality == "audio" else c.pictures)]
        clean: list[float] = []
        hurt: list[float] = []
        for clip in fit:
            begin, rest = _measures(clip, fault, limit.measure)
            clean += begin
            hurt += rest
        worst, best = (max(clean), np.percentile(hurt, 10)) if limit.above else (
            min(clean), np.percentile(hurt, 90))  # fmt: skip
        rows.append(
            {
                "threshold": limit.name,
                "clean": round(float(worst), 5),
                "fault": round(float(best), 5),
                "middle": round(float(np.sqrt(max(worst, 1e-6) * max(float(best), 1e-6))), 5),
                "shipped": limit.shipped,
                "apart": bool(worst < best) == limit.above,
            }
        )
    return rows


def _measures(clip: Clip, fault: Fault, name: str) -> tuple[list[float], list[float]]:
    """A measure of the pieces before a fault and of those well inside it."""
    packets = broken(clip, fault, [clip])
    checked = listen(packets) if fault.modality == "audio" else _look(packets)
    before: list[float] = []
    inside: list[float] = []
    settle_ns = 3 * NS_PER_S if fault.modality == "audio" else NS_PER_S // 10
    begin_ns = round(BEGIN_S * NS_PER_S)
    for packet, quality in checked:
        loud = quality.measures.get("floor_db", 0.0) > AudioLimits().noise_floor_db
        if name == "range_db" and not loud:
            continue
        if NS_PER_S <= packet.t_capture_ns < begin_ns:
            before.append(quality.measures[name])
        elif packet.t_capture_ns >= begin_ns + settle_ns:
            inside.append(quality.measures[name])
    return before, inside


def _look(packets: Iterable[Packet]) -> Seen:
    checker = VideoChecker()
    state = checker.initial_state()
    for packet in packets:
        quality, state = checker.check(packet.data, packet.t_capture_ns, state)
        yield packet, quality


def measure(root: Path, clean_s: float, voices_every: int) -> dict[str, Any]:
    """All figures."""
    clips = load_clips(root / "media")
    voices = load_clips(root / "ravdess" / "audio", every=voices_every)
    parts: Mapping[str, list[Clip]] = {str(k): v for k, v in split(clips).items()}
    reader = FaceReader.load()
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "clips": {name: [c.name for c in part] for name, part in parts.items()},
        "thresholds": fitted(parts["fit"]),
    }
    for name, part in parts.items():
        seen = [c for c in part if c.pictures]
        report[name] = {
            "clean_audio": clean_minutes(part, "audio", reader, clean_s),
            "clean_face": clean_minutes(seen, "face", reader, clean_s),
            "faults": fault_rates(part, reader),
        }
    report["voices"] = _clean_voices(voices, reader)
    reader.close()
    return report


def _clean_voices(voices: Sequence[Clip], reader: FaceReader) -> dict[str, Any]:
    """False alarms on many short recordings one after another, none of which was fitted on."""
    joined = Clip("voices", np.concatenate([v.sound for v in voices]), (), 0.0)
    return clean_minutes([joined], "audio", reader, joined.sound_s)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("measure", "render"), nargs="?", default="measure")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="data folder")
    parser.add_argument("--out", type=Path, default=Path("results/health"))
    parser.add_argument("--clean-seconds", type=float, default=CLEAN_S, help="per clip")
    parser.add_argument("--voices-every", type=int, default=4, help="take every n-th voice")
    given = parser.parse_args(argv)
    file = given.out / "detection.json"
    commands: dict[str, Callable[[], dict[str, Any]]] = {
        "measure": lambda: measure(given.root, given.clean_seconds, given.voices_every),
        "render": lambda: json.loads(file.read_text(encoding="utf-8")),
    }
    report = commands[given.command]()
    given.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
    print(f"{file} and {PAGE.name} written")


if __name__ == "__main__":
    main()
