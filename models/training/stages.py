"""Stages of a training, each kept when it is done, so that an interrupted run goes on.

A stage's folder holds `model.safetensors` and `history.json`. The history names what the stage
rests on; a stage that rests on something else now is run anew.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage gave.

    Attributes:
        tensors: its weights by name.
        history: JSON values: curves and figures.
    """

    tensors: dict[str, Tensor]
    history: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StageStore:
    """Keeps the stages of one run.

    Attributes:
        folder: made if missing.
        progress: told what is taken from an earlier run.
    """

    folder: Path
    progress: Progress

    def run(self, name: str, rests_on: Mapping[str, Any], make: Callable[[], Done]) -> Done:
        """Give a stage as it was kept, or make and keep it.

        Args:
            name: of the stage.
            rests_on: JSON values that a kept stage must agree with: settings, hashes of data and of
                earlier stages.
            make: runs the stage.
        """
        place = self.folder / name
        key = fingerprint(rests_on)
        kept = self._kept(place, key)
        if kept is not None:
            self.progress(f"{name}: kept from an earlier run")
            return kept
        done = make()
        place.mkdir(parents=True, exist_ok=True)
        (place / "history.json").unlink(missing_ok=True)
        tensors = {n: t.detach().cpu().contiguous() for n, t in done.tensors.items()}
        _write(place / "model.safetensors", safetensors.torch.save(tensors))
        text = json.dumps({"key": key, "rests_on": rests_on, **done.history}, indent=1)
        # Last, since it is what says that the stage is whole.
        _write(place / "history.json", text.encode())
        return done

    @staticmethod
    def _kept(place: Path, key: str) -> Done | None:
        try:
            history = json.loads((place / "history.json").read_bytes())
            tensors = safetensors.torch.load((place / "model.safetensors").read_bytes())
        except (OSError, ValueError):
            return None
        return Done(tensors, history) if history.get("key") == key else None


def fingerprint(fields: Mapping[str, Any]) -> str:
    """Hash of JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Hash of weights."""
    parts = hashlib.sha256()
    for name in sorted(tensors):
        parts.update(name.encode())
        parts.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return parts.hexdigest()


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(content)
    os.replace(draft, path)
