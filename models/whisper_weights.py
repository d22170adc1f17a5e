"""Finds and checks Whisper weights that are already on this machine; never fetches any.

Imports no recogniser, so that a diagnosis costs milliseconds. `transcriber_weights.load_whisper`
opens what is found here.
"""

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huggingface_hub import try_to_load_from_cache

from .errors import ModelError

REPOSITORIES: Final[dict[str, str]] = {
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v3": "Systran/faster-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Known names and where their CTranslate2 form is published; the order of preference for "auto":
base keeps up with speech on one core, larger ones may not."""

MAX_JSON_BYTES: Final = 32 * 1024 * 1024

_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
_HEADER: Final = struct.Struct("<IH")
_MAX_BINARY_VERSION: Final = 64
_SPECIFICATION: Final = b"WhisperSpec\0"


@dataclass(frozen=True, slots=True)
class WhisperChoice:
    """Which weights to use.

    Attributes:
        path: checked folder, or None for no speech to text.
        reason: why there is none; empty when there is a path.
        remedy: how to get some; empty when there is a path.
    """

    path: Path | None
    reason: str = ""
    remedy: str = ""


def resolve_whisper(asr: str) -> WhisperChoice:
    """Find the weights that a setting names.

    Args:
        asr: "off", "auto" (the first found on this machine), a name as in `REPOSITORIES`, or a
            folder.
    """
    if asr == "off":
        return WhisperChoice(None, "speech to text is switched off", "use --asr auto")
    if asr == "auto":
        found = find_whisper()
        if found is not None:
            return WhisperChoice(found)
        return WhisperChoice(None, "no Whisper weights on this machine", _remedy("base"))
    remedy = _remedy(asr if asr in REPOSITORIES else "base")
    try:
        return WhisperChoice(locate_whisper(asr))
    except ModelError as exc:
        return WhisperChoice(None, str(exc).removesuffix(f": {remedy}"), remedy)


def find_whisper() -> Path | None:
    """Folder of the first usable weights on this machine, in the order of `REPOSITORIES`."""
    for name in REPOSITORIES:
        try:
            return locate_whisper(name)
        except ModelError:
            continue
    return None


def locate_whisper(name_or_path: str) -> Path:
    """Checked folder for a name or a path.

    Raises:
        ModelError: unknown name, no weights here, or a folder that is not usable.
    """
    if name_or_path in REPOSITORIES:
        for folder in _homes(name_or_path):
            if folder.is_dir():
                return check_whisper(folder)
        raise ModelError(
            f"no Whisper weights for {name_or_path!r} on this machine: {_remedy(name_or_path)}"
        )
    folder = Path(name_or_path).expanduser()
    if folder.exists():
        return check_whisper(folder)
    known = ", ".join(REPOSITORIES)
    raise ModelError(
        f"{name_or_path!r} is neither a folder with Whisper weights nor one of: {known}"
    )


def check_whisper(folder: Path) -> Path:
    """Make sure that a folder holds a whole CTranslate2 Whisper model.

    faster-whisper would try to fetch a missing `tokenizer.json`; here its lack is an error.

    Raises:
        ModelError: not a folder, a file is missing or empty, or `model.bin` is no Whisper model.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: not a folder; give the one that holds model.bin")
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        missing.append(_VOCABULARIES[0])
    if missing:
        raise ModelError(
            f"{folder}: {missing[0]} is missing; the model must be in CTranslate2 form"
        )
    for name in ("config.json", "tokenizer.json"):
        _check_json(folder / name)
    _check_header(folder / "model.bin")
    return folder


def models_home() -> Path:
    """Folder for weights that a person has asked to be fetched."""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "tacit" / "models"


def _homes(name: str) -> list[Path]:
    homes = [models_home() / f"whisper-{name}"]
    cached = try_to_load_from_cache(REPOSITORIES[name], "model.bin")
    if isinstance(cached, str):
        homes.append(Path(cached).parent)
    return homes


def _remedy(name: str) -> str:
    return f"run `tacit models pull whisper-{name}`, or pass --asr PATH"


def _check_json(path: Path) -> None:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{path}: larger than {MAX_JSON_BYTES} bytes")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{path}: not readable as JSON ({exc}); fetch the model again") from exc
    if not isinstance(content, dict):
        raise ModelError(f"{path}: not a JSON object; fetch the model again")


def _check_header(path: Path) -> None:
    """Read the head of a CTranslate2 file: version, then the name of the specification."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size + len(_SPECIFICATION))
    except OSError as exc:
        raise ModelError(f"{path}: cannot be read ({exc.strerror})") from exc
    damaged = ModelError(f"{path}: not a Whisper model of CTranslate2, or damaged; fetch it again")
    if len(head) < _HEADER.size:
        raise damaged
    version, _ = _HEADER.unpack_from(head)
    if version > _MAX_BINARY_VERSION or head[_HEADER.size :] != _SPECIFICATION:
        raise damaged
