"""Fine-tuning on a user's own clips: clips in, a folder of checkpoints for `--weights` out."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from ...models.checkpoint import Manifest, load, restore, save
from ...models.fusion import Fusion
from ...models.recognizer import KIND, Recognizer, read_config
from ...models.recovery.runtime import KIND as RECOVERY
from ...models.training.finetune import (
    FineTuneConfig,
    LabelledWindows,
    Tuned,
    refuse_too_few,
    tune,
)
from ..config import Settings
from .clip_windows import ClipReader, labelled_windows
from .curves import CurveLog, draw_curves
from .errors import TrainError
from .labels import LabelledClip, Part, read_labels
from .ledger import digest, write_whole
from .settings import as_plain

Progress = Callable[[str], None]

REPORT_NAME: Final = "report.json"
STAGE: Final = "finetune"


@dataclass(frozen=True, slots=True)
class OwnClips:
    """One fine-tuning run.

    Attributes:
        folder: of the clips.
        labels: table of their labels.
        out: `out/weights` becomes a folder for `--weights`.
        settings: of the front end; its weights are where the tuning begins.
        config: of the fit.
    """

    folder: Path
    labels: Path
    out: Path
    settings: Settings
    config: FineTuneConfig = field(default_factory=FineTuneConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        weights: the new folder of checkpoints.
        tuned: network, calibration and figures.
        clips: how many clips of each class each part has.
    """

    weights: Path
    tuned: Tuned
    clips: Mapping[Part, Mapping[str, int]]


def tune_on_clips(run: OwnClips, progress: Progress) -> Outcome:
    """Read the clips through the live front end, tune the fusion, and write checkpoints.

    Args:
        run: what and where.
        progress: told what happens.

    Raises:
        TrainError: the table, a clip or the place of the result cannot be used.
        ModelError: too few clips or classes, or weights are missing or damaged.
        MediaError: a clip cannot be opened.
    """
    weights = run.out / "weights"
    if weights.resolve() == run.settings.weights.resolve():
        raise TrainError(f"{weights}: these are the weights to begin with; give another --out")
    clips = read_labels(run.labels, run.folder)
    torch.set_num_threads(run.settings.threads)
    tensors, manifest = load(run.settings.weights / KIND, KIND)
    shape, calibration, _ = read_config(manifest, run.settings.weights / KIND)
    fusion = Fusion(shape)
    restore(fusion, tensors, run.settings.weights / KIND)
    windows = _windows(run, clips, progress)
    by_name: dict[str, LabelledWindows] = {str(part): some for part, some in windows.items()}
    refuse_too_few(by_name)
    log = CurveLog(run.out, STAGE, _fingerprint(run, clips, manifest))
    try:
        tuned = tune(fusion, calibration, by_name, run.config, _both(log, progress))
    finally:
        log.close()
    _write(run, weights, manifest, tuned, windows)
    counts = {part: some.counts() for part, some in windows.items()}
    _report(run, tuned, counts)
    try:
        draw_curves(log.path)
    except TrainError as exc:
        progress(str(exc))
    return Outcome(weights, tuned, counts)


def _windows(
    run: OwnClips, clips: list[LabelledClip], progress: Progress
) -> dict[Part, LabelledWindows]:
    reader = ClipReader(run.settings, run.out / "tokens", progress)
    try:
        return labelled_windows(clips, reader, progress)
    finally:
        reader.close()


def _both(log: CurveLog, progress: Progress) -> Progress:
    def told(line: str) -> None:
        log.line(line)
        progress(line)

    return told


def _fingerprint(run: OwnClips, clips: list[LabelledClip], manifest: Manifest) -> str:
    facts = [as_plain(run.config), manifest.sha256, [as_plain(clip) for clip in clips]]
    return digest(facts)


def _write(
    run: OwnClips,
    weights: Path,
    manifest: Manifest,
    tuned: Tuned,
    windows: Mapping[Part, LabelledWindows],
) -> None:
    """Copy the other checkpoints, write the fusion, and see that a recognizer takes them.

    The folder appears whole or not at all.
    """
    draft = weights.with_name(f".{weights.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for source in sorted(run.settings.weights.iterdir()):
        if source.is_dir() and source.name != KIND:
            shutil.copytree(source, draft / source.name)
    written = save(draft / KIND, tuned.net.state_dict(), _described(run, manifest, tuned, windows))
    if (draft / RECOVERY).is_dir():
        _go_with(draft / RECOVERY, written.sha256)
    Recognizer.load(draft)
    if weights.exists():
        shutil.rmtree(weights)
    draft.rename(weights)


def _go_with(folder: Path, fusion: str) -> None:
    """Let a recovery go with the tuned fusion.

    It fills in standardised tokens, and fine-tuning leaves the standardisation as it was. How much
    a recovered reading counts was settled with the fusion as it was, which the card says.
    """
    tensors, manifest = load(folder, RECOVERY)
    note = "Its gate was settled with the fusion as it was before fine-tuning on a user's clips."
    save(
        folder,
        tensors,
        replace(
            manifest,
            config={**manifest.config, "fusion": fusion},
            notes=[*(n for n in manifest.notes if n != note), note],
        ),
    )


def _described(
    run: OwnClips, manifest: Manifest, tuned: Tuned, windows: Mapping[Part, LabelledWindows]
) -> Manifest:
    counts = {part: sum(some.counts().values()) for part, some in windows.items()}
    shown = ", ".join(f"{n} {part}" for part, n in counts.items())
    config: dict[str, Any] = dict(manifest.config)
    config["calibration"] = tuned.calibration.as_dict()
    config["finetune"] = asdict(run.config) | {"from": manifest.sha256, "clips": counts}
    return replace(
        manifest,
        config=config,
        data=[*manifest.data, f"fine-tuned on a user's own clips: {shown}"],
        licence=f"{manifest.licence} The user's own clips come with their own terms.",
        split=f"own clips: {shown}, split by file; before that {manifest.split}",
        seed=run.config.seed,
        metrics={f"own.{name}": value for name, value in tuned.metrics.items()},
        notes=[
            *manifest.notes,
            "Fine-tuned on a user's few clips: fits those people and that place, others less well.",
            f"Kept epoch {tuned.epoch}; fitted anew: {', '.join(tuned.recalibrated) or 'nothing'}.",
        ],
    )


def _report(run: OwnClips, tuned: Tuned, counts: Mapping[Part, Mapping[str, int]]) -> None:
    facts = {
        "epoch": tuned.epoch,
        "recalibrated": list(tuned.recalibrated),
        "clips": counts,
        "metrics": dict(tuned.metrics),
    }
    write_whole(run.out / REPORT_NAME, json.dumps(facts, indent=2) + "\n")
