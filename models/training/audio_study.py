"""Chooses how the voice is trained: recipes compared by cross-validation over speakers.

Recipes are compared on actors 01-16 only, so that the choice never sees the test actors 17-20. The
chosen recipe is then cross-validated over all twenty. Every fold is written down when it is done,
and one that is already there is not run again.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ..audio_functionals import functionals
from ..audio_net import AudioNetConfig
from ..datasets.ravdess import TEST_ACTORS, Clip, Split, find_clips, folds, read_audio
from ..features import Float32
from ..metrics import Ints, bootstrap_interval, unweighted_average_recall
from .audio import GENTLE, AudioConfig, Course, fit_courses
from .audio_augment import FeatureAugment
from .audio_evaluate import ROUNDS, noisy, score_whole

CHOOSING: Final = "choose"
REPORTING: Final = "report"
FOLDS: Final[Mapping[str, int]] = {CHOOSING: 4, REPORTING: 5}
NOISE_DB: Final = 10.0


@dataclass(frozen=True, slots=True)
class Approach:
    """One way to train.

    Attributes:
        note: what it does, in words.
        config: everything else; its validation and test actors are not used here. None for the
            statistics of whole utterances with a support-vector machine, which need no network.
    """

    note: str
    config: AudioConfig | None


def approaches() -> dict[str, Approach]:
    """All recipes that are compared, by name; the shipped one is `AudioConfig()` itself."""
    shipped = AudioConfig()
    plain = AudioConfig(before=(), rate=1.5e-3)
    small = AudioNetConfig(stem=(8, 16, 32), width=96, dilations=(1, 2, 4))
    strong = FeatureAugment(voice_bands=2.0, tone_db=2.0, noise=0.3, babble=0.15, bands=9, hops=22)
    return {
        "functionals": Approach(
            "141 statistics of an utterance with a support-vector machine; does not stream", None
        ),
        "plain": Approach("convolutions and attention, moderate augmentation", plain),
        "small": Approach(
            "the same with half the channels and a shorter past", replace(plain, net=small)
        ),
        "mixup": Approach("window tokens of two clips mixed", replace(plain, mixup=0.3)),
        "strong": Approach(
            "wider masks, tones, voices and more noise", replace(plain, augment=strong)
        ),
        "dropout": Approach(
            "a quarter of the channels dropped and more label smoothing",
            replace(plain, net=AudioNetConfig(dropout=0.25), smoothing=0.1),
        ),
        "taught": Approach(
            "learns from the mean of two teachers trained with other seeds",
            replace(plain, teachers=2),
        ),
        "courses-short": Approach(
            "the shipped recipe with a third of its epochs: little noise first, then all of it",
            replace(shipped, before=(replace(GENTLE, epochs=15), Course(3, 7e-4)), epochs=7),
        ),
        "courses-long": Approach(
            "the shipped recipe with half as many epochs again",
            replace(
                shipped,
                before=(replace(GENTLE, epochs=68), Course(12, 7e-4)),
                epochs=21,
            ),
        ),
        "courses": Approach("the shipped recipe: little noise first, then all of it", shipped),
    }


def splits(clips: Iterable[Clip], purpose: str) -> tuple[Split, ...]:
    """Folds for a purpose: `CHOOSING` leaves the test actors out, `REPORTING` uses all.

    Nothing is chosen within a fold, so what `folds` keeps for validation is trained on.
    """
    listed = [c for c in clips if purpose == REPORTING or c.actor not in TEST_ACTORS]
    made = folds(listed, FOLDS[purpose])
    return tuple(Split((*s.train, *s.valid), s.valid, s.test) for s in made)


def run_fold(
    approach: Approach, split: Split, cache: Path | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Train on a fold's speakers and judge the others, clean and in noise; JSON values."""
    if approach.config is None:
        return _machine_fold(split)
    config = approach.config
    model = fit_courses(split.train, config, cache, progress)
    grid = config.windows.grid
    clean = score_whole(model, split.test, config.rule, grid)
    worse = score_whole(model, split.test, config.rule, grid, noisy(split.test, NOISE_DB))
    size = {"parameters": sum(p.numel() for p in model.parameters())}
    said = _row(split, clean.predicted, worse.predicted)
    return said | size | {"loss": clean.loss}


def _machine_fold(split: Split) -> dict[str, Any]:
    machine = make_pipeline(StandardScaler(), SVC(C=10.0, gamma=0.002, class_weight="balanced"))
    described = np.stack([_described(c) for c in split.train])
    machine.fit(described, [c.label for c in split.train])
    clean = machine.predict(np.stack([_described(c) for c in split.test]))
    change = noisy(split.test, NOISE_DB)
    worse = [functionals(change(c, read_audio(c.path))) for c in split.test]
    said = _row(split, clean, machine.predict(np.stack(worse)))
    return said | {"parameters": None, "loss": None}


@cache
def _described(clip: Clip) -> Float32:
    return functionals(read_audio(clip.path))


def _row(split: Split, clean: Ints, worse: Ints) -> dict[str, Any]:
    labels = np.array([c.label for c in split.test])
    return {
        "actors": [c.actor for c in split.test],
        "labels": labels.tolist(),
        "predicted": clean.tolist(),
        "predicted_noise": worse.tolist(),
        "uar": unweighted_average_recall(labels, clean),
        "uar_noise": unweighted_average_recall(labels, worse),
    }


def study(
    root: Path,
    log: Path,
    plan: Iterable[tuple[str, str, int]],
    cache: Path | None,
    progress: Callable[[str], None],
    clock_s: Callable[[], float],
) -> None:
    """Run folds of recipes and add each to a file of JSON lines.

    Args:
        root: data folder.
        log: JSON lines; folds that it holds are not run again.
        plan: name of the approach, purpose and number of the fold, in the order to run them.
        cache: folder for features.
        progress: told what happens.
        clock_s: says how much processor time was used so far.
    """
    clips, known = find_clips(root), approaches()
    for name, purpose, number in plan:
        used = known[name].config
        config = None if used is None else json.loads(json.dumps(asdict(used)))
        key = {"approach": name, "purpose": purpose, "fold": number, "config": config}
        if any(all(row[k] == v for k, v in key.items()) for row in read_log(log)):
            continue
        begun_s = clock_s()
        row = key | run_fold(known[name], splits(clips, purpose)[number], cache, progress)
        row["cpu_s"] = round(clock_s() - begun_s, 1)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        progress(
            f"{name} {purpose} {number}: UAR {row['uar']:.3f}, at {NOISE_DB:g} dB "
            f"{row['uar_noise']:.3f}, {row['cpu_s']:.0f} s"
        )


def read_log(log: Path) -> list[dict[str, Any]]:
    """All folds that were run."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]


def summarise_folds(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Figures over the folds of one approach and purpose; intervals resample actors.

    Args:
        rows: its folds, at least one.
        seed: of the bootstrap.
    """
    labels, actors = (np.concatenate([r[k] for r in rows]) for k in ("labels", "actors"))
    made: dict[str, Any] = {
        "folds": len(rows),
        "clips": len(labels),
        "actors": len(np.unique(actors)),
        "uar_per_fold": [r["uar"] for r in sorted(rows, key=lambda r: r["fold"])],
        "loss": None if rows[0]["loss"] is None else float(np.mean([r["loss"] for r in rows])),
        "parameters": rows[0]["parameters"],
        "cpu_s_per_fold": float(np.mean([r["cpu_s"] for r in rows])),
    }
    for key, field in (("uar", "predicted"), (f"uar_snr{NOISE_DB:.0f}", "predicted_noise")):
        predicted = np.concatenate([r[field] for r in rows])
        value = bootstrap_interval(
            unweighted_average_recall, labels, predicted, actors, ROUNDS, seed
        )
        made[key] = {"value": value.value, "low": value.low, "high": value.high}
    predicted = np.concatenate([r["predicted"] for r in rows])
    made["by_sex"] = {
        sex: unweighted_average_recall(labels[actors % 2 == odd], predicted[actors % 2 == odd])
        for sex, odd in (("male", 1), ("female", 0))
    }
    return made
