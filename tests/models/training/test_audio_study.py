from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tacit.models.audio_net import AudioNetConfig
from tacit.models.datasets.ravdess import Clip, find_clips
from tacit.models.training import audio_study
from tacit.models.training.audio_augment import WaveAugment
from tacit.models.training.audio_corpus import CorpusConfig
from tacit.models.training.audio_study import (
    CHOOSING,
    REPORTING,
    Approach,
    approaches,
    read_log,
    splits,
    study,
    summarise_folds,
)


def quiet(message: str) -> None:
    """A run that nobody watches."""


def some_clips(actors: int = 20) -> list[Clip]:
    return [
        Clip(Path(f"03-01-{e + 2:02d}-01-01-01-{a:02d}.wav"), e, a, strong=False)
        for a in range(1, actors + 1)
        for e in range(7)
    ]


def test_recipes_are_chosen_without_the_test_actors() -> None:
    made = splits(some_clips(), CHOOSING)
    assert len(made) == 4
    for split in made:
        actors = {c.actor for c in (*split.train, *split.test)}
        assert actors == set(range(1, 17))


@pytest.mark.parametrize("purpose", [CHOOSING, REPORTING])
def test_every_actor_is_judged_once_by_a_model_that_never_heard_them(purpose: str) -> None:
    made = splits(some_clips(), purpose)
    judged = sorted(c.actor for split in made for c in split.test)
    assert judged == sorted(c.actor for c in some_clips(16 if purpose == CHOOSING else 20))
    for split in made:
        assert not {c.actor for c in split.train} & {c.actor for c in split.test}
        assert len(split.train) + len(split.test) == len(judged)
        odd = [c.actor % 2 for c in split.test]
        assert sum(odd) * 2 == len(odd)


def test_the_last_fold_over_all_actors_judges_the_test_actors() -> None:
    assert {c.actor for c in splits(some_clips(), REPORTING)[-1].test} == {17, 18, 19, 20}


def test_recipes_differ() -> None:
    configs = [a.config for a in approaches().values()]
    assert len({repr(c) for c in configs}) == len(configs) >= 3


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = approaches()["plain"].config
    assert plain is not None
    config = replace(
        plain,
        epochs=1,
        batch=14,
        net=AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1,), dim=8),
        corpus=CorpusConfig(variants=0, augment=WaveAugment(damage=0.0)),
    )
    monkeypatch.setattr(
        audio_study,
        "approaches",
        lambda: {"tiny": Approach("small", config), "functionals": Approach("machine", None)},
    )


@pytest.mark.usefixtures("tiny")
def test_a_fold_is_written_down_and_never_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "ravdess" / "audio"
    folder.mkdir(parents=True)
    t = np.arange(12_000) / 16_000
    for actor in range(1, 9):
        for code in range(2, 9):
            tone = 0.2 * np.sin(2 * np.pi * 150 * code * t)
            soundfile.write(folder / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav", tone, 16_000)
    log, said = tmp_path / "runs" / "study.jsonl", list[str]()
    plan = [("tiny", CHOOSING, 1), ("functionals", CHOOSING, 1)]
    study(tmp_path, log, plan, None, said.append, lambda: 0.0)
    row, machine = read_log(log)
    assert machine["labels"] == row["labels"]
    assert machine["uar"] > 0.9  # tones tell the emotions apart
    assert sorted(set(row["actors"])) == [3, 4]
    assert row["labels"] == [c.label for c in find_clips(tmp_path) if c.actor in (3, 4)]
    assert len(row["predicted"]) == len(row["predicted_noise"]) == 14
    assert any(line.startswith("tiny choose 1: UAR") for line in said)
    said.clear()
    study(tmp_path, log, plan, None, said.append, lambda: 0.0)
    assert not said
    assert len(read_log(log)) == 2


def test_folds_add_up_to_figures_by_hand() -> None:
    base = {"uar": 0.5, "loss": 1.0, "parameters": 9, "cpu_s": 2.0}
    rows = [
        base
        | {"fold": 0, "actors": [1, 1], "labels": [0, 1], "predicted": [0, 1]}
        | {"predicted_noise": [0, 0]},
        base
        | {"fold": 1, "actors": [2, 2], "labels": [0, 1], "predicted": [0, 0]}
        | {"predicted_noise": [1, 0]},
    ]
    made = summarise_folds(rows)
    assert made["uar"]["value"] == pytest.approx(0.75)
    assert made["uar_snr10"]["value"] == pytest.approx(0.25)
    assert made["by_sex"] == {"male": 1.0, "female": 0.5}
    assert (made["folds"], made["clips"], made["actors"]) == (2, 4, 2)
    assert made["uar"]["low"] <= 0.75 <= made["uar"]["high"]
