"""Manifests of checkpoints and the check of their hashes.

Needs no torch, so that a program can refuse bad weights before it pays for loading it. A
checkpoint is a folder with `model.safetensors`, `manifest.json` and `card.md`. The manifest holds
the SHA-256 of the weights, because safetensors itself notices no flipped bit in its payload.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import CheckpointError

FORMAT: Final = 1
MAX_WEIGHT_BYTES: Final = 100 * 1024 * 1024
MAX_MANIFEST_BYTES: Final = 1024 * 1024
WEIGHTS_NAME: Final = "model.safetensors"
SHIPPED: Final = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint is and where it comes from.

    Attributes:
        kind: which class loads it: "face", "audio", "text", "fusion", ...
        config: constructor arguments of that class.
        data: data sets that it was trained on.
        licence: what the data allow a user of the weights to do.
        split: which part trained, validated and tested it.
        seed: seed of the run.
        metrics: figures by name; "valid." or "test." leads each name.
        notes: known failures and anything a user should know, one sentence each.
        sha256: of the weights file; filled in by `save`.
    """

    kind: str
    config: Mapping[str, Any]
    data: list[str]
    licence: str
    split: str
    seed: int
    metrics: Mapping[str, float]
    notes: list[str] = field(default_factory=list)
    sha256: str = ""


def read_manifest(folder: Path) -> Manifest:
    """Read and check `manifest.json`.

    Raises:
        CheckpointError: missing, unreadable, wrong format or fields.
    """
    path = folder / "manifest.json"
    try:
        fields = json.loads(_bounded(path, MAX_MANIFEST_BYTES))
    except FileNotFoundError as exc:
        raise CheckpointError(
            f"{path}: no checkpoint here; reinstall tacit or run tools/train.py"
        ) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise CheckpointError(f"{path}: not readable as JSON: {exc}") from exc
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path}: not a manifest of format {FORMAT}")
    try:
        manifest = Manifest(**fields)
    except TypeError as exc:
        raise CheckpointError(f"{path}: wrong fields: {exc}") from exc
    if not isinstance(manifest.config, dict) or not isinstance(manifest.sha256, str):
        raise CheckpointError(f"{path}: config or sha256 has the wrong type")
    return manifest


def read_verified(folder: Path, kind: str) -> tuple[bytes, Manifest]:
    """Read the weights file after checking kind, size and hash.

    Args:
        folder: the checkpoint.
        kind: the kind that the caller can build.

    Returns:
        the bytes of the safetensors file and the manifest.

    Raises:
        CheckpointError: anything missing, damaged, too large or of another kind.
    """
    manifest = read_manifest(folder)
    if manifest.kind != kind:
        raise CheckpointError(f"{folder}: holds a {manifest.kind!r} model, {kind!r} wanted")
    path = folder / WEIGHTS_NAME
    try:
        weights = _bounded(path, MAX_WEIGHT_BYTES)
    except OSError as exc:
        raise CheckpointError(f"{path}: cannot be read ({exc.strerror}); reinstall tacit") from exc
    digest = hashlib.sha256(weights).hexdigest()
    if digest != manifest.sha256:
        raise CheckpointError(
            f"{path}: SHA-256 is {digest[:12]}…, the manifest says {manifest.sha256[:12]}…; "
            "the file is damaged or changed: reinstall tacit or train it anew"
        )
    return weights, manifest


def _bounded(path: Path, most: int) -> bytes:
    """A file's content; a device has no size and never ends, and the file may still grow.

    Raises:
        CheckpointError: no plain file, or too large.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise CheckpointError(f"{path}: is no plain file; reinstall tacit")
    with path.open("rb") as file:
        # Not `most`: memory for all that is asked for would be taken before anything is read.
        size = os.fstat(file.fileno()).st_size
        content = file.read(min(size, most) + 1)
    if len(content) > most:
        raise CheckpointError(f"{path}: larger than {most} bytes")
    if len(content) > size:
        raise CheckpointError(f"{path}: grew while it was read; try again")
    return content


def combined_hash(parts: Mapping[str, str]) -> str:
    """One SHA-256 over the hashes of several checkpoints, whatever their order."""
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(parts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def render_card(manifest: Manifest, weight_bytes: int) -> str:
    """Model card in Markdown, made from the manifest alone so that the two cannot disagree."""
    metrics = "\n".join(f"| {k} | {v:.4f} |" for k, v in sorted(manifest.metrics.items()))
    notes = "\n".join(f"- {note}" for note in manifest.notes) or "- none recorded"
    data = "\n".join(f"- {d}" for d in manifest.data)
    return f"""# Model card: {manifest.kind}

Reads *expressed* emotion; it says nothing about what a person feels.

**Size** {weight_bytes / 1e6:.2f} MB, SHA-256 `{manifest.sha256}`.
**Licence of use** {manifest.licence}
**Split** {manifest.split}
**Seed** {manifest.seed}

## Data
{data}

## Figures
| metric | value |
|---|---|
{metrics}

## Known failures and limits
{notes}
"""
