"""All models of the comparison by name.

Models share trained parts through a `Workbench`: every fill and ours sit on the same dropping
fusion, so that what one gains over another is due to the method. The parent methods bring their own
networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import ModelError
from ..recovery.flow import Solver
from ..study.workbench import MAIN, MANY, Build, Workbench
from ..zoo.filled import Filled
from ..zoo.ifmmin import WITH_CYCLE, Ifmmin
from ..zoo.interface import Recogniser
from ..zoo.mmin import Mmin
from ..zoo.nmer import Nmer
from ..zoo.rohydr import Rohydr, RohydrSettings

Kind = Literal["fill", "drop", "control", "parent", "ours", "own"]

REFERENCE: Final = "dropkd"
"""What every model is compared with: the strong baseline."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the comparison.

    Attributes:
        title: for tables.
        kind: what it is there for.
        build: makes a fitted one.
        needs: least number of modalities.
    """

    title: str
    kind: Kind
    build: Build
    needs: int = 2


def fitted(make: type[Mmin] | type[Nmer] | type[Ifmmin]) -> Build:
    """Fit a parent method as it is by default."""
    return lambda w: fit(make(), w)


def fit(model: Recogniser, w: Workbench) -> Recogniser:
    """Fit any model to a workbench's data."""
    model.fit(w.task.train, w.task.valid, w.task.config)
    return model


def few_steps(w: Workbench, steps: int) -> Filled:
    """Ours before the gate, with another number of steps of the same student."""
    return w.sampled(w.residual.filler(Solver(steps=steps, student=True)), MANY)


CATALOGUE: Final[Mapping[str, Entry]] = {
    "zero": Entry("zero fill", "fill", MAIN["zero"]),
    "mean": Entry("mean fill", "fill", MAIN["mean"]),
    "nearest": Entry("nearest-donor fill", "fill", MAIN["nearest"]),
    "random": Entry("random-donor fill", "control", MAIN["random"]),
    "regression": Entry("MLP regression", "fill", MAIN["regression"]),
    "whole": Entry("no modality dropout", "drop", MAIN["whole"], needs=1),
    "drop": Entry("drop (modality dropout)", "drop", MAIN["drop"], needs=1),
    "dropkd": Entry("drop + distillation", "drop", MAIN["dropkd"], needs=1),
    "drop.tuned": Entry("drop, tuned as long", "control", MAIN["drop.tuned"], needs=1),
    "dropkd.tuned": Entry(
        "drop + distillation, tuned as long", "control", MAIN["dropkd.tuned"], needs=1
    ),
    "drop.two": Entry("two drop models", "control", MAIN["drop.two"], needs=1),
    "dropkd.two": Entry("two drop + distillation", "control", MAIN["dropkd.two"], needs=1),
    "mmin": Entry("MMIN", "parent", fitted(Mmin)),
    "ifmmin": Entry("IF-MMIN", "parent", fitted(Ifmmin)),
    "ifmmin.cycle": Entry("IF-MMIN with a cycle", "parent", lambda w: fit(Ifmmin(WITH_CYCLE), w)),
    "nmer": Entry("NMER", "parent", fitted(Nmer)),
    "rohydr.dit": Entry("RoHyDR, transformer", "parent", lambda w: fit(Rohydr(), w)),
    "rohydr.score": Entry(
        "RoHyDR, score network",
        "parent",
        lambda w: fit(Rohydr(RohydrSettings(generator="score")), w),
    ),
    "recovered": Entry("ours, recovery alone, 1 step", "ours", MAIN["recovered"]),
    "recovered.2": Entry("ours, recovery alone, 2 steps", "ours", lambda w: few_steps(w, 2)),
    "recovered.4": Entry("ours, recovery alone, 4 steps", "ours", lambda w: few_steps(w, 4)),
    "ours": Entry("ours, gated", "ours", MAIN["ours"]),
}

LATENCY: Final = (
    "drop", "rohydr.dit", "rohydr.score", "nmer", "mmin", "ifmmin",
    "recovered", "recovered.2", "recovered.4", "ours",
)  # fmt: skip
"""Timed side by side."""


def names_of(words: str, modalities: int) -> list[str]:
    """Models of a comma-separated list, or all that fit the data.

    Args:
        words: such as "all" or "drop,dropkd,mmin".
        modalities: of the data.

    Raises:
        ModelError: an unknown name, or a model that needs more modalities.
    """
    if words == "all":
        return [name for name, entry in CATALOGUE.items() if entry.needs <= modalities]
    names = list(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    for name in names:
        if entry_of(name).needs > modalities:
            raise ModelError(f"model {name!r} needs 2 modalities, and the data have {modalities}")
    if not names:
        raise ModelError(f"no model named; known: all, {', '.join(CATALOGUE)}")
    return names


def entry_of(name: str) -> Entry:
    """The entry of a name.

    Raises:
        ModelError: unknown.
    """
    if name not in CATALOGUE:
        raise ModelError(f"no model {name!r}; known: all, {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def parameters_of(model: Recogniser) -> int:
    """Parameters of all networks that a reading uses, each counted once."""
    seen = {id(p): p.numel() for net in model.networks() for p in net.parameters()}
    return sum(seen.values())


def titles(names: Sequence[str]) -> list[str]:
    """Titles of models; a model of the user's own goes by its name."""
    return [CATALOGUE[name].title if name in CATALOGUE else name for name in names]
