"""Windows of a user's clips, exactly as a replay of them would read them.

The clips run through the graph of `tacit replay`: stages, merge, health, windows. What the
recognizer is asked to read is kept, so that fine-tuning sees what the live system will see: tokens
of sensors that can be trusted, and nothing else.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...models.features import MODALITIES, Bool, FeatureWindow, Float32
from ...models.labels import INDEX
from ...models.manifest import combined_hash, read_manifest
from ...models.training.finetune import LabelledWindows
from ...stream.packet import NS_PER_S
from ..batch.inputs import sha256_of
from ..config import Settings
from ..events import ErrorEvent
from ..feeds import InlineFeed
from ..job import Job
from ..plan import ReplayRequest, make_plan
from ..predictors import InlinePredictor
from ..runner import ReplaySession
from ..stages.loaded import LoadedModels
from .errors import TrainError
from .labels import LabelledClip, Part

LEAST_OVERLAP: Final = 0.5
"""Share of a window, or of the labelled stretch if that is shorter, that must be the label's."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class ClipTokens:
    """All windows of one clip: times (N, 2) s, and per modality tokens (N, T, D), masks (N, T)."""

    times_s: Float32
    values: dict[str, Float32]
    mask: dict[str, Bool]


class _Keeper(InlinePredictor):
    """Reads windows as usual and keeps them; a revised window replaces the first."""

    def __init__(self, job: Job, models: LoadedModels) -> None:
        super().__init__(job, models.recognizer)
        self.windows: dict[int, FeatureWindow] = {}

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Keep the window and read it."""
        self.windows[window.t1_ns] = window
        super().submit(job, window)


class ClipReader:
    """Turns clips into windows, once each.

    Args:
        settings: of the front end; its weights are the ones to be tuned.
        cache: windows are kept here, so that an interrupted run goes on where it was.
        progress: told what happens.
    """

    def __init__(self, settings: Settings, cache: Path, progress: Progress) -> None:
        self._settings = settings
        self._cache = cache
        self._progress = progress
        self._models = LoadedModels(settings)
        encoders: dict[str, str] = {
            m: read_manifest(settings.weights / m).sha256 for m in MODALITIES
        }
        windows = settings.model_dump(mode="json", include={"windows", "face", "asr"})
        self._recipe = f"{combined_hash(encoders)} {json.dumps(windows, sort_keys=True)}"

    def close(self) -> None:
        """Free the models."""
        self._models.close()

    def read(self, path: Path) -> ClipTokens:
        """All windows of a clip in which something was measured.

        Raises:
            TrainError: the clip can be opened but something in it cannot be read.
            MediaError: it cannot be opened.
            ModelError: weights are missing or damaged.
        """
        key = hashlib.sha256(f"{sha256_of(path)} {self._recipe}".encode()).hexdigest()[:24]
        kept = self._cache / f"clip-{key}.npz"
        if kept.is_file():
            return _load(kept)
        made = self._fresh(path)
        self._cache.mkdir(parents=True, exist_ok=True)
        _store(kept, made)
        return made

    def _fresh(self, path: Path) -> ClipTokens:
        request = ReplayRequest(media=path, settings=self._settings, inline=True)
        plan = make_plan(request)
        keeper = _Keeper(Job(settings=self._settings), self._models)
        feed = InlineFeed(plan.jobs, build=self._models.stage)
        for event in ReplaySession(request, plan, feed, keeper):
            if isinstance(event, ErrorEvent):
                raise TrainError(f"{path}: {event.message}")
        windows = [
            keeper.windows[t] for t in sorted(keeper.windows) if _measured(keeper.windows[t])
        ]
        return _stack(windows)


def labelled_windows(
    clips: Sequence[LabelledClip], reader: ClipReader, progress: Progress
) -> dict[Part, LabelledWindows]:
    """Windows of all labelled stretches by part.

    Args:
        clips: as read; each counts as one clip, also when several come from one file.
        reader: of the clips.
        progress: told about each clip, and about those without anything to measure.

    Raises:
        TrainError: a clip cannot be read.
    """
    found: dict[Part, list[LabelledWindows]] = {"train": [], "valid": [], "test": []}
    for number, clip in enumerate(clips):
        tokens = reader.read(clip.path)
        rows = inside(tokens.times_s, clip.start_s, clip.end_s)
        progress(f"clip {number + 1} of {len(clips)}, {clip.name}: {len(rows)} windows")
        if len(rows) == 0:
            progress(f"{clip.name}: nothing was measured in the labelled stretch; left out")
            continue
        found[clip.part].append(
            LabelledWindows(
                values={m: tokens.values[m][rows] for m in MODALITIES},
                mask={m: tokens.mask[m][rows] for m in MODALITIES},
                labels=np.full(len(rows), INDEX[clip.emotion], dtype=np.int64),
                clips=np.full(len(rows), number, dtype=np.int64),
            )
        )
    return {part: LabelledWindows.joined(some) for part, some in found.items() if some}


def inside(times_s: Float32, start_s: float, end_s: float) -> NDArray[np.int64]:
    """Rows of windows (N, 2) that belong to a labelled stretch."""
    begin, end = times_s[:, 0], times_s[:, 1]
    shared = np.minimum(end, end_s) - np.maximum(begin, start_s)
    needed = LEAST_OVERLAP * np.minimum(end - begin, end_s - start_s)
    return np.flatnonzero(shared >= np.maximum(needed, 1e-6))


def _measured(window: FeatureWindow) -> bool:
    return any(bool(window.mask[m].any()) for m in MODALITIES)


def _stack(windows: Iterable[FeatureWindow]) -> ClipTokens:
    rows = list(windows)
    if not rows:
        return ClipTokens(np.zeros((0, 2), dtype=np.float32), {}, {})
    times = np.array([(w.t0_ns / NS_PER_S, w.t1_ns / NS_PER_S) for w in rows], dtype=np.float32)
    return ClipTokens(
        times,
        {m: np.stack([w.values[m] for w in rows]).astype(np.float32) for m in MODALITIES},
        {m: np.stack([w.mask[m] for w in rows]) for m in MODALITIES},
    )


def _store(path: Path, tokens: ClipTokens) -> None:
    arrays: dict[str, NDArray[Any]] = {f"values_{m}": v for m, v in tokens.values.items()}
    arrays |= {f"mask_{m}": v for m, v in tokens.mask.items()}
    draft = path.with_suffix(".draft.npz")
    np.savez(draft, times_s=tokens.times_s, **arrays)
    draft.replace(path)


def _load(path: Path) -> ClipTokens:
    with np.load(path, allow_pickle=False) as store:
        names = [m for m in MODALITIES if f"values_{m}" in store]
        return ClipTokens(
            store["times_s"],
            {m: store[f"values_{m}"] for m in names},
            {m: store[f"mask_{m}"] for m in names},
        )
