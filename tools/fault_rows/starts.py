"""Rows 25 and 45: what must be refused before anything starts."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tacit.models.errors import ModelError
from tacit.models.manifest import read_verified
from tacit.pipeline.config import ConfigError, Settings, load_settings
from tacit.pipeline.doctor import checkpoints
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.live.engine import live_plan
from tools.fault_rows.clip import sample_path
from tools.fault_rows.registry import Setting, fault

REFUSED_MS: Final = 2000.0
KIND: Final = "face"


def _truncated(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def _flipped(weights: Path) -> None:
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


def _missing(weights: Path) -> None:
    weights.unlink()


def _linked_away(weights: Path) -> None:
    weights.unlink()
    weights.symlink_to("/dev/zero")


def _pickled(weights: Path) -> None:
    weights.write_bytes(b"\x80\x04\x95" + bytes(200) + b".")


def _other_config(weights: Path) -> None:
    manifest = weights.with_name("manifest.json")
    manifest.write_text(manifest.read_text().replace('"kind": "face"', '"kind": "audio"'))


DAMAGES: Final[dict[str, Callable[[Path], None]]] = {
    "truncated": _truncated,
    "one bit flipped": _flipped,
    "missing": _missing,
    "a link to a device": _linked_away,
    "a pickle by another name": _pickled,
    "a manifest of another model": _other_config,
}


@fault(25, "models-damaged", "U", detect_ms=REFUSED_MS)
def models_damaged(setting: Setting) -> Outcome:
    """Weights that are not what their manifest says, in six ways."""
    outcome = Outcome(detected_ms=0.0)
    for name, damage in DAMAGES.items():
        folder = setting.folder / name.replace(" ", "-")
        shutil.copytree(Settings().weights, folder)
        damage(folder / KIND / "model.safetensors")
        began_s = time.monotonic()
        try:
            live_plan(Settings(asr="off", weights=folder), 1)
            said = "accepted"
        except ModelError as exc:
            said = str(exc)
        assert outcome.detected_ms is not None
        outcome.detected_ms = max(outcome.detected_ms, (time.monotonic() - began_s) * 1000)
        outcome.check(f"{name}: refused, and the file named", f"/{KIND}" in said, said[-160:])
    for kind in checkpoints(Settings().weights):
        read_verified(Settings().weights / kind, kind)
    return outcome


@fault(25, "started-without-models", "P", detect_ms=REFUSED_MS)
def started_without_models(setting: Setting) -> Outcome:
    """`tacit replay` with a folder of weights that is empty."""
    (setting.folder / "none").mkdir()
    return _refused(["--weights", str(setting.folder / "none")], "none")


WRONG: Final[dict[str, tuple[str, dict[str, str], str]]] = {
    "unknown key": ("[windows]\nhop = 5\n", {}, "windows.hop"),
    "wrong type": ('[windows]\nhop_ms = "half a second"\n', {}, "windows.hop_ms"),
    "no number": ("[windows]\nmin_coverage = nan\n", {}, "windows.min_coverage"),
    "out of range": ("[windows]\nhop_ms = -250\n", {}, "windows.hop_ms"),
    "no TOML": ("windows = {", {}, "settings.toml"),
    "from the environment": ("", {"TACIT_WINDOWS__HOP_MS": "x"}, "windows.hop_ms"),
}


@fault(45, "settings-wrong", "U", detect_ms=REFUSED_MS)
def settings_wrong(setting: Setting) -> Outcome:
    """Settings with an unknown key, a wrong type or unit, no number, or no file."""
    outcome, began_s = Outcome(), time.monotonic()
    for name, (text, environment, wanted) in WRONG.items():
        file = setting.folder / "settings.toml"
        file.write_text(text)
        outcome.check(*_said(name, file, environment, wanted))
    outcome.check(*_said("no such file", setting.folder / "gone.toml", {}, "gone.toml"))
    outcome.detected_ms = (time.monotonic() - began_s) * 1000
    return outcome


@fault(45, "started-with-wrong-settings", "P", detect_ms=REFUSED_MS)
def started_with_wrong_settings(setting: Setting) -> Outcome:
    """`tacit replay` with a key that there is not."""
    file = setting.folder / "settings.toml"
    file.write_text("[windows]\nhop = 5\n")
    return _refused(["--config", str(file)], "windows.hop")


def _said(name: str, file: Path, environment: dict[str, str], wanted: str) -> tuple[str, bool, str]:
    try:
        load_settings(file, environ=environment)
    except ConfigError as exc:
        return f"{name}: refused, and named", wanted in str(exc), str(exc)[-160:]
    return f"{name}: refused, and named", False, "accepted"


def _refused(arguments: list[str], wanted: str) -> Outcome:
    command = [sys.executable, "-m", "tacit.pipeline.cli", "replay", str(sample_path())]
    began_s = time.monotonic()
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    outcome = Outcome(detected_ms=(time.monotonic() - began_s) * 1000)
    outcome.check("its exit code says so", done.returncode != 0, done.returncode)
    lines = done.stderr.strip().splitlines()
    outcome.check(
        "one line names what is wrong", len(lines) == 1 and wanted in lines[0], lines[-1:]
    )
    return outcome
