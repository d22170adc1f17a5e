"""What this machine has for Tacit, what is missing, and the way to get it."""

import ctypes.util
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..models.errors import ModelError
from ..models.manifest import read_manifest, read_verified
from .config import Settings

Status = Literal["ok", "optional", "missing"]

PACKAGES: Final = (
    "torch",
    "mediapipe",
    "opencv-python",
    "av",
    "aiortc",
    "sounddevice",
    "faster-whisper",
    "pyzmq",
    "numpy",
)
REQUIRED: Final = ("face", "audio", "text", "fusion")
RECOVERY: Final = "recovery"
"""A folder of weights may do without it: what is lost is then left out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: what.
        status: "ok", "optional" (absent, and all else works without it) or "missing" (needed).
        detail: what was found, or what its absence means.
        remedy: how to get it; empty when nothing needs doing.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, cheap things first."""
    yield _python()
    for name in PACKAGES:
        yield _package(name)
    yield _library("portaudio", "libportaudio2", "the microphone")
    yield _library("GL", "libgl1", "OpenCV and MediaPipe")
    for kind in REQUIRED:
        yield _checkpoint(settings.weights, kind)
    yield _recovery(settings.weights)
    yield _whisper(settings.asr)
    yield _landmarker(settings.face.landmarker)
    yield _accelerator()
    yield _microphones()
    yield _cameras()


def _python() -> Finding:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Finding("python", "ok", version)
    return Finding("python", "missing", version, "install Python 3.11 or 3.12")


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"pip install {name}")


def _library(name: str, debian_package: str, used_by: str) -> Finding:
    found = ctypes.util.find_library(name)
    if found:
        return Finding(f"lib{name.lower()}", "ok", found)
    remedy = {
        "Linux": f"apt-get install {debian_package}, or your system's package of lib{name}",
        "Darwin": f"brew install {name.lower()}",
    }.get(platform.system(), "comes with the Python package on this system")
    status: Status = "missing" if platform.system() == "Linux" else "optional"
    return Finding(f"lib{name.lower()}", status, f"not found; needed by {used_by}", remedy)


def _checkpoint(folder: Path, kind: str) -> Finding:
    try:
        weights, manifest = read_verified(folder / kind, kind)
    except ModelError as exc:
        return Finding(f"model {kind}", "missing", str(exc), "reinstall tacit, or set `weights`")
    size = f"{len(weights) / 1e6:.1f} MB, sha256 {manifest.sha256[:12]}"
    return Finding(f"model {kind}", "ok", f"{size}, licence: {manifest.licence}")


def _whisper(asr: str) -> Finding:
    from ..models.whisper_weights import resolve_whisper

    choice = resolve_whisper(asr)
    if choice.path is not None:
        return Finding("speech to text", "ok", str(choice.path))
    return Finding("speech to text", "optional", choice.reason, choice.remedy)


def _landmarker(path: Path | None) -> Finding:
    name = "face landmarker"
    if path is None:
        return Finding(
            name,
            "optional",
            "not set: the mesh bundled with mediapipe is used",
            "set face.landmarker to a face_landmarker.task for 52 blendshapes",
        )
    if path.is_file():
        return Finding(name, "ok", str(path))
    return Finding(name, "missing", f"{path}: no such file", "correct or unset face.landmarker")


def _accelerator() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding(
            "gpu", "optional", "no NVIDIA driver: models run on the CPU, by ONNX Runtime and torch"
        )
    listed = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    return Finding("gpu", "ok" if listed else "optional", listed or "the driver does not answer")


def _microphones() -> Finding:
    # PortAudio can hang or crash on a broken sound system, so it is asked in a process of its own.
    script = (
        "import sounddevice as s; "
        "print(sum(d['max_input_channels'] > 0 for d in s.query_devices()))"
    )
    return _count("microphones", lambda: _output([sys.executable, "-c", script]))


def _cameras() -> Finding:
    return _count("cameras", lambda: str(len(list(Path("/dev").glob("video*")))))


def _count(name: str, ask: Callable[[], str]) -> Finding:
    found = ask()
    if found.isdigit() and int(found) > 0:
        return Finding(name, "ok", found)
    return Finding(name, "optional", "none found", "connect one; recordings replay without it")


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True, env=os.environ
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().splitlines()[-1].strip() if done.stdout.strip() else ""


def checkpoints(folder: Path) -> tuple[str, ...]:
    """Kinds of checkpoint that a folder of weights has, or must have."""
    has_recovery = (folder / RECOVERY / "manifest.json").exists()
    return (*REQUIRED, RECOVERY) if has_recovery else REQUIRED


def _recovery(folder: Path) -> Finding:
    if RECOVERY in checkpoints(folder):
        return _checkpoint(folder, RECOVERY)
    return Finding(f"model {RECOVERY}", "optional", "not in this folder; what is lost is left out")


def summary(kind: str, folder: Path) -> dict[str, str]:
    """A checkpoint in a few words, for `tacit models info`.

    Raises:
        CheckpointError: the manifest cannot be read.
    """
    manifest = read_manifest(folder / kind)
    figures = ", ".join(
        f"{name} {value:.3f}"
        for name, value in sorted(manifest.metrics.items())
        if name.startswith("test.") and not name.endswith(("_low", "_high"))
    )
    return {
        "model": kind,
        "sha256": manifest.sha256[:12],
        "figures": figures,
        "data": "; ".join(manifest.data),
        "licence": manifest.licence,
    }
