"""Streams that drop in mid-clip: what the past is worth, by recovery and by simply reading it.

One run trains everything on one split of one seed and reads its test people under every gap. Runs
are lines of a file, so that a study that was stopped goes on where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from ..features import Modality
from ..fusion import Fusion
from ..labels import EMOTIONS
from ..recovery.averaging import Sampled, read_samples
from ..recovery.flow import Solver
from ..recovery.gate import Gate, gate_features, gate_loss, mix
from ..training.loop import FitConfig, fit_steps, frozen
from .baseline import Parts
from .statistics import tally
from .streams_batches import Batch, Sampler, Shown, Standard, judged
from .streams_fit import (
    LEAST,
    Bench,
    Budget,
    Fill,
    Generator,
    Opinion,
    fit_fusion,
    fit_recovery,
    fit_regressor,
    held,
    opinion,
    regressed,
)
from .streams_tokens import Ints, Takes
from .streams_windows import GAPS, NAMES, Stream, make_stream, populations

FOLDS: Final = 5
TRAIN_ORDERS: Final = 4
VALID_WINDOWS: Final = 240
SAMPLES: Final = (1, 8, 32)
BLIND: Final = "recovery without past, K=8"
NAIVE: Final = "naive one-step Euler of the teacher, K=8"
AGAIN: Final = "MLP regression, second generation"
COUNTS: Final = {"hold last": 1, "MLP regression": 1, AGAIN: 1, BLIND: 8, NAIVE: 8}
"""Samples of the fills that are read beside recovery."""
PAST_HIDDEN: Final = 0.5
SPREADS: Final = (1.0, 0.5, 0.0)
"""Shares of the samples' deviation from the regressed mean, of which validation takes one."""
GATE_STEPS: Final = 200
Condition = tuple[Modality, int]
CONDITIONS: Final[tuple[Condition, ...]] = tuple((name, gap) for name in NAMES for gap in GAPS)


def split(people: Ints, faced: Sequence[int], fold: int) -> Parts:
    """People of one fold; each has one actor whose face is known frame by frame and three others.

    The group after the test's validates.
    """
    rest = np.array([p for p in np.unique(people) if p not in faced])
    groups = [
        np.sort(np.concatenate([[one], some]))
        for one, some in zip(faced, np.array_split(rest, FOLDS), strict=True)
    ]
    test, valid = groups[fold], groups[(fold + 1) % FOLDS]
    train = np.setdiff1d(np.unique(people), np.concatenate([test, valid]))
    return Parts(train, valid, test)


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """Everything trained in one run.

    Attributes:
        whole: fusion that was trained on whole windows.
        drop: leaves out what is lost.
        drop_kd: the same, distilled from `whole`.
        drop_twin: `drop_kd` once more, as a control for averaging.
        drop_past: distilled, and given the past as further tokens, in training half of the time,
            so that it can do without.
        again: distilled from `whole`, `drop_kd` and `drop_twin` together.
        again_twin: `again` once more.
        fills: by name: how what is lost is filled, and who reads it.
        spread: share of the deviation in samples of recovery; validation chooses.
        gate: between recovery and leaving out.
        gate_past: whether leaving out is by `drop_past`; validation chooses.
    """

    whole: Fusion
    drop: Fusion
    drop_kd: Fusion
    drop_twin: Fusion
    drop_past: Fusion
    again: Fusion
    again_twin: Fusion
    fills: Mapping[str, tuple[Fill, Fusion]]
    spread: float
    gate: Gate
    gate_past: bool

    def left_out(self, batch: Batch) -> Tensor:
        """Probabilities of the drop model that the gate mixes with recovery."""
        fusion = self.drop_past if self.gate_past else self.again_twin
        return read(fusion, batch.dropped(self.gate_past))


def whole_view(batch: Batch) -> Shown:
    """Nothing is lost."""
    return batch.whole(past=False)


def without(batch: Batch) -> Shown:
    """What is lost is left out, and so is the past."""
    return batch.dropped(past=False)


def with_past(batch: Batch) -> Shown:
    """What is lost is left out; the past lies in front."""
    return batch.dropped(past=True)


def train(bench: Bench) -> Readers:
    """Train everything that is compared."""

    def forgetful(batch: Batch) -> Shown:
        return with_past(batch.forgetting(PAST_HIDDEN, bench.generator))

    whole = fit_fusion(bench, whole_view, None, past=False)
    teacher = opinion(whole_view, whole)
    drop = fit_fusion(bench, without, None, past=False)
    drop_kd, drop_twin = (fit_fusion(bench, without, teacher, past=False) for _ in range(2))
    drop_past = fit_fusion(bench, with_past, teacher, past=True, trained_on=forgetful)
    together = opinion(whole_view, whole, drop_kd, drop_twin)
    again, again_twin = (fit_fusion(bench, without, together, past=False) for _ in range(2))
    expected = fit_regressor(bench)
    flow, student = fit_recovery(bench, whole, expected)
    made = [Generator(student, expected, Solver(1, student=True), share) for share in SPREADS]
    read_by = [fit_reader(bench, one.fill(), together) for one in made]
    losses = [
        surprise(sampled(bench.valid, (one.fill(), by), bench.generator).probabilities, bench)
        for one, by in zip(made, read_by, strict=True)
    ]
    best = int(np.argmin(losses))
    chosen, by_recovery = made[best], read_by[best]
    naive = replace(chosen, net=flow, solver=Solver(1))
    mean = regressed(expected)
    fills = {
        "hold last": (held, fit_reader(bench, held, teacher)),
        "MLP regression": (mean, fit_reader(bench, mean, teacher)),
        AGAIN: (mean, read_by[SPREADS.index(0.0)]),
        "recovery": (chosen.fill(), by_recovery),
        BLIND: (chosen.fill(past=False), by_recovery),
        NAIVE: (naive.fill(), by_recovery),
    }
    ways = [read(again_twin, without(bench.valid)), read(drop_past, with_past(bench.valid))]
    gate_past = surprise(ways[1], bench) < surprise(ways[0], bench)
    gate = fit_gate(bench, ways[gate_past], fills["recovery"])
    return Readers(
        whole,
        drop,
        drop_kd,
        drop_twin,
        drop_past,
        again,
        again_twin,
        fills,
        chosen.spread,
        gate,
        gate_past,
    )


def fit_reader(bench: Bench, fill: Fill, teacher: Opinion) -> Fusion:
    """Train a fusion on windows that are filled in one way."""

    def view(batch: Batch) -> Shown:
        return batch.filled(fill(batch, 1, bench.generator), past=False)

    return fit_fusion(bench, view, teacher, past=False)


def surprise(probabilities: Tensor, bench: Bench) -> float:
    """Mean -log p(label) of a reading (B, C) of the validation windows, nats."""
    return float(nll_loss(probabilities.clamp(min=LEAST).log(), bench.valid.labels))


def read(fusion: Fusion, shown: Shown, samples: int = 1) -> Tensor:
    """Probabilities (B, C), averaged over samples."""
    with torch.no_grad():
        p = fusion.read(*shown).logits.softmax(dim=1)
    return p.reshape(-1, samples, p.shape[1]).mean(dim=1)


def sampled(batch: Batch, fill: tuple[Fill, Fusion], generator: torch.Generator) -> Sampled:
    """The reading of many samples, and how they differ."""
    make, fusion = fill
    with torch.no_grad():
        return read_samples(fusion, make(batch, SAMPLES[-1], generator), batch.condition())


def fit_gate(bench: Bench, left_out: Tensor, fill: tuple[Fill, Fusion]) -> Gate:
    """Fit the gate on the validation people, whom neither reading was trained on."""
    batch = bench.valid
    recovered = sampled(batch, fill, bench.generator)
    features = gate_features(batch.condition(), recovered, left_out)
    gate = Gate(NAMES, hidden=4)

    def loss_of(_: int) -> Tensor:
        return gate_loss(gate, features, recovered.probabilities, left_out, batch.labels)

    fit_steps([gate], loss_of, FitConfig(GATE_STEPS, rate=1e-2, weight_decay=0.05))
    return frozen(gate)


def answers(readers: Readers, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
    """What each method says, (B, C) by name."""
    shown = without(batch)
    said = {
        "whole": read(readers.whole, whole_view(batch)),
        "drop": read(readers.drop, shown),
        "drop+KD": read(readers.drop_kd, shown),
        "drop+KD given the past": read(readers.drop_past, with_past(batch)),
    }
    said["two drop+KD, averaged"] = 0.5 * (said["drop+KD"] + read(readers.drop_twin, shown))
    again = [read(fusion, shown) for fusion in (readers.again, readers.again_twin)]
    said["drop+KD, second generation"] = again[0]
    said["two of those, averaged"] = 0.5 * (again[0] + again[1])
    for name, count in COUNTS.items():
        fill, fusion = readers.fills[name]
        said[name] = read(fusion, batch.filled(fill(batch, count, generator), False), count)
    recovered = sampled(batch, readers.fills["recovery"], generator)
    for count in SAMPLES:
        said[f"recovery, K={count}"] = recovered.each[:, :count].mean(dim=1)
    left_out = readers.left_out(batch)
    with torch.no_grad():
        share = readers.gate(gate_features(batch.condition(), recovered, left_out))
    said["recovery, soft gate"] = mix(share, recovered.probabilities, left_out)
    said["recovery and drop+KD, averaged"] = 0.5 * (recovered.probabilities + again[1])
    return said


def run(takes: Takes, fold: int, seed: int, budget: Budget, faced: Sequence[int]) -> dict[str, Any]:
    """Train on one split and read its test people.

    Returns:
        one record: who was tested, and per condition and method the hits, support and surprise of
        each of them.
    """
    rng = np.random.default_rng([seed, fold])
    torch.manual_seed(1000 * seed + fold)
    generator = torch.Generator().manual_seed(1000 * seed + fold)
    parts = split(takes.people, faced, fold)
    known = populations(takes, parts.train)
    streams = [make_stream(takes, parts.train, known, rng) for _ in range(TRAIN_ORDERS)]
    standard = Standard.of(streams)
    sampler = Sampler(streams, standard, rng)
    held_out = make_stream(takes, parts.valid, known, rng)
    valid = Sampler([held_out], standard, rng).draw(VALID_WINDOWS)
    bench = Bench(sampler, valid, budget, generator)
    readers = train(bench)
    test = make_stream(takes, parts.test, known, rng)
    return {
        "fold": fold,
        "seed": seed,
        "people": [int(p) for p in parts.test],
        "gate_past": readers.gate_past,
        "spread": readers.spread,
        "test": score(readers, test, standard, rng, generator),
    }


def score(
    readers: Readers,
    stream: Stream,
    standard: Standard,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> dict[str, dict[str, Any]]:
    """Per condition and method: hits and support per person and class, surprise per person."""
    found: dict[str, dict[str, Any]] = {}
    for lost, gap in CONDITIONS:
        batch = judged(stream, standard, lost, gap, rng)
        names, owner = np.unique(batch.people, return_inverse=True)
        counted = {
            method: tally(p.numpy(), batch.labels.numpy(), owner, len(EMOTIONS))
            for method, p in answers(readers, batch, generator).items()
        }
        found[f"{lost} {gap}"] = {
            "people": names.tolist(),
            "support": counted["whole"].support[0].astype(int).tolist(),
            "hits": {m: t.hits[0].astype(int).tolist() for m, t in counted.items()},
            "surprise": {m: np.round(t.surprise[0], 3).tolist() for m, t in counted.items()},
        }
    return found
