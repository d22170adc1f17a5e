"""Checkpoints as safetensors with a hash manifest; see `manifest` for the folder's layout."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from .errors import CheckpointError
from .manifest import (
    FORMAT,
    SHIPPED,
    WEIGHTS_NAME,
    Manifest,
    read_manifest,
    read_verified,
    render_card,
)

__all__ = ["SHIPPED", "Manifest", "load", "read_manifest", "restore", "save"]


def save(folder: Path, state: Mapping[str, Tensor], manifest: Manifest) -> Manifest:
    """Write a checkpoint; floating tensors are stored as float16 to halve the file.

    Args:
        folder: made if missing; files of the same names are replaced.
        state: tensors by name, any device.
        manifest: its `sha256` is ignored and computed anew.

    Returns:
        the manifest as written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (t.half() if t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in state.items()
    }
    weights = safetensors.torch.save(tensors)
    fields = {name: getattr(manifest, name) for name in Manifest.__slots__}
    fields["sha256"] = hashlib.sha256(weights).hexdigest()
    written = Manifest(**fields)
    (folder / WEIGHTS_NAME).write_bytes(weights)
    (folder / "manifest.json").write_text(
        json.dumps({"format": FORMAT, **fields}, indent=2, ensure_ascii=False) + "\n"
    )
    (folder / "card.md").write_text(render_card(written, len(weights)))
    return written


def load(folder: Path, kind: str) -> tuple[dict[str, Tensor], Manifest]:
    """Read a checkpoint after checking its hash.

    Args:
        folder: where `save` wrote it.
        kind: the kind that the caller can build.

    Returns:
        tensors by name (floating ones as float32) and the manifest.

    Raises:
        CheckpointError: anything missing, damaged, too large or of another kind.
    """
    weights, manifest = read_verified(folder, kind)
    try:
        tensors = safetensors.torch.load(weights)
    except SafetensorError as exc:
        raise CheckpointError(f"{folder}: not a safetensors file: {exc}") from exc
    return {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, manifest


def restore(module: torch.nn.Module, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Put tensors into a module, refusing any missing, extra or misshapen one.

    Raises:
        CheckpointError: names or shapes differ.
    """
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as exc:
        first = " ".join(str(exc).split())[:300]
        raise CheckpointError(f"{folder}: weights do not fit the config: {first}") from exc
    module.eval()
