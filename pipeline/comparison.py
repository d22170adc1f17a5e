"""How far a session's results agree with what people annotated."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..models.features import MODALITIES, Modality
from ..models.labels import EMOTIONS, INDEX
from .annotations import TRACES, Annotation, AnnotationError, AnnotationSet
from .events import MeasurementResult, MeasurementRevised
from .sessions import SessionData

Result = MeasurementResult | MeasurementRevised
Floats = NDArray[np.float64]

MIN_SHARE: Final = 0.5
"""Share of a window that annotations must cover for the window to be compared."""
MAX_LAG_MS: Final = 5000
MIN_PAIRS: Final = 10
"""Fewer pairs of windows give no lag."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the windows that are annotated.

    Attributes:
        windows: all windows of the session.
        annotated: those that annotations cover enough of.
        absent: share of the annotated in which nothing was measured; they are not compared.
        abstained: share of the annotated in which Tacit claims no emotion; not compared either.
        recovered: share of the annotated that were measured, but with a modality recovered from
            the others.
        modalities: per modality the share of the annotated in which it was measured.
    """

    windows: int
    annotated: int
    absent: float
    abstained: float
    recovered: float
    modalities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EmotionAgreement:
    """Agreement on the seven classes.

    Attributes:
        windows: how many were compared.
        accuracy: share of equal classes.
        kappa: Cohen's kappa; None when only one class occurs.
        uar: recall averaged over the classes that were annotated.
        confusion: (7, 7) counts, a row per annotated class, a column per predicted one.
        lag_ms: by how much probabilities follow annotations, positive when they come later; None
            when it cannot be told.
    """

    windows: int
    accuracy: float
    kappa: float | None
    uar: float
    confusion: tuple[tuple[int, ...], ...]
    lag_ms: int | None


@dataclass(frozen=True, slots=True)
class TraceAgreement:
    """Agreement on valence or arousal.

    Attributes:
        windows: how many were compared.
        ccc: Lin's concordance correlation coefficient; None when a side is constant.
        correlation: Pearson's; None when a side is constant.
        mean_error: mean absolute difference.
        lag_ms: as for emotions.
    """

    windows: int
    ccc: float | None
    correlation: float | None
    mean_error: float
    lag_ms: int | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Annotation and prediction of each window, in order; nan where there is none.

    Attributes:
        results: (N,) the windows.
        annotated: (N, 9) share of the window that each emotion covers, mean valence, mean arousal.
        predicted: (N, 9) probabilities, valence, arousal; all nan where nothing was measured.
    """

    results: Sequence[Result]
    annotated: Floats
    predicted: Floats


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that a comparison found.

    Attributes:
        session: name of the session.
        labels: name of the annotation file.
        unknown: labels of other names, and how often each occurs.
        coverage: which windows could be compared.
        emotions: agreement on classes, if any window could be compared in it.
        traces: agreement on "valence" and "arousal", where annotated.
    """

    session: str
    labels: str
    unknown: Mapping[str, int]
    coverage: Coverage
    emotions: EmotionAgreement | None
    traces: Mapping[str, TraceAgreement]


def pair(session: SessionData, labels: AnnotationSet) -> Pairs:
    """Put annotations beside results.

    Raises:
        AnnotationError: the session has no results, or several participants and the file does not
            say which of them it is about.
    """
    results = session.results
    if not results:
        raise AnnotationError(f"{session.path}: holds no results to compare")
    people = sorted({r.participant for r in results})
    timelines = {name: _Timeline(own) for name, own in _by_participant(people, labels).items()}
    annotated = np.array([timelines[r.participant].over(r) for r in results])
    return Pairs(results, annotated, np.array([_prediction(r) for r in results]))


def compare(session: SessionData, labels: AnnotationSet, pairs: Pairs | None = None) -> Comparison:
    """Compare results with annotations, over the windows in which something was measured.

    A window's class is the annotated emotion that covers most of it; annotations must cover at
    least half of it. Valence and arousal are averaged over the window.

    Raises:
        AnnotationError: nothing can be compared.
    """
    pairs = pair(session, labels) if pairs is None else pairs
    emotions = _emotion_agreement(pairs)
    found = {name: _trace_agreement(pairs, 7 + i) for i, name in enumerate(TRACES)}
    traces = {name: agreement for name, agreement in found.items() if agreement is not None}
    if emotions is None and not traces:
        raise AnnotationError(
            f"{labels.path}: no measured window of {session.path} is annotated for at least half"
        )
    return Comparison(
        session=session.events[0].session_id,
        labels=labels.path.name,
        unknown=labels.unknown,
        coverage=_coverage(pairs),
        emotions=emotions,
        traces=traces,
    )


def classes(pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Annotated and predicted class of each window, -1 where there is none or it is abstained."""
    truth = np.where(
        np.isfinite(pairs.annotated[:, 0]), np.argmax(pairs.annotated[:, :7], axis=1), -1
    )
    claimed = np.array([not r.fused.abstained for r in pairs.results])
    claimed &= np.isfinite(pairs.predicted[:, 0])
    leading = np.argmax(np.nan_to_num(pairs.predicted[:, :7]), axis=1)
    return truth, np.where(claimed, leading, -1)


def lag_ms(annotated: Floats, predicted: Floats, ends_ms: Sequence[int]) -> int | None:
    """By how much predictions follow annotations: where their cross-correlation is highest.

    Args:
        annotated: (N, C) per window, nan where unknown.
        predicted: (N, C) likewise.
        ends_ms: (N,) ends of the windows, rising within each participant.

    Returns:
        lag in ms within ±`MAX_LAG_MS`, the smallest of equally good ones; positive when predictions
        come later; None with fewer than `MIN_PAIRS` pairs or nothing that varies.
    """
    steps = np.diff(ends_ms)
    if not (steps > 0).any():
        return None
    hop = int(np.median(steps[steps > 0]))
    known = np.isfinite(annotated).all(axis=1) & np.isfinite(predicted).all(axis=1)
    place = _places(ends_ms, hop)
    truth, guess = (np.full((place[-1] + 1, annotated.shape[1]), np.nan) for _ in range(2))
    truth[place], guess[place] = annotated, predicted
    if known.sum() < MIN_PAIRS:
        return None
    shifts = sorted(range(-(MAX_LAG_MS // hop), MAX_LAG_MS // hop + 1), key=abs)
    scored = [(_correlation(*_shifted(truth, guess, shift)), shift) for shift in shifts]
    best = max(scored, key=lambda pair: pair[0])
    return None if best[0] == -np.inf else best[1] * hop


def _places(ends_ms: Sequence[int], hop: int) -> NDArray[np.int64]:
    """Place of each window on a grid of hops; participants lie too far apart to meet."""
    gap = MAX_LAG_MS // hop + 1
    place: list[int] = []
    start, base = 0, ends_ms[0]
    for before, end in zip([ends_ms[0], *ends_ms], ends_ms, strict=False):
        if end < before:
            start, base = place[-1] + gap, end
        place.append(start + round((end - base) / hop))
    return np.array(place, dtype=np.int64)


def _shifted(truth: Floats, guess: Floats, shift: int) -> tuple[Floats, Floats]:
    length = len(truth) - abs(shift)
    one, two = (truth[:length], guess[shift:]) if shift >= 0 else (truth[-shift:], guess[:length])
    known = np.isfinite(one).all(axis=1) & np.isfinite(two).all(axis=1)
    return one[known], two[known]


def _correlation(one: Floats, two: Floats) -> float:
    if len(one) < MIN_PAIRS:
        return -np.inf
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    scale = np.sqrt((one**2).sum() * (two**2).sum())
    return float((one * two).sum() / scale) if scale > 1e-9 else -np.inf


class _Timeline:
    """One participant's annotations, by time."""

    def __init__(self, annotations: Sequence[Annotation]) -> None:
        self._all = sorted(annotations, key=lambda a: a.start_ms)
        self._starts = [a.start_ms for a in self._all]
        self._latest_ends = list(accumulate((a.end_ms for a in self._all), max))

    def over(self, result: Result) -> list[float]:
        """Share of a window that each emotion covers, then mean valence and arousal, or nan."""
        start, end = result.window.start_ms, result.window.end_ms
        shares = np.zeros(len(EMOTIONS))
        sums, weights = np.zeros(2), np.zeros(2)
        first = bisect_right(self._latest_ends, start)
        for each in self._all[first : bisect_left(self._starts, end)]:
            share = (min(end, each.end_ms) - max(start, each.start_ms)) / (end - start)
            if share <= 0:
                continue
            if each.emotion is not None:
                shares[INDEX[each.emotion]] += share
            for i, value in enumerate((each.valence, each.arousal)):
                if value is not None:
                    sums[i] += share * value
                    weights[i] += share
        labelled = shares if shares.sum() >= MIN_SHARE else np.full(len(EMOTIONS), np.nan)
        means = np.where(weights >= MIN_SHARE, sums / np.maximum(weights, 1e-9), np.nan)
        return [*labelled, *means]


def _by_participant(people: Sequence[str], labels: AnnotationSet) -> dict[str, list[Annotation]]:
    found: dict[str, list[Annotation]] = {name: [] for name in people}
    for each in labels.annotations:
        if each.participant in found:
            found[str(each.participant)].append(each)
        elif each.participant is None and len(people) == 1:
            found[people[0]].append(each)
        else:
            raise AnnotationError(
                f"{labels.path}: is about {each.participant or 'nobody named'}; "
                f"the session has {', '.join(people)}"
            )
    return found


def _prediction(result: Result) -> list[float]:
    fused = result.fused
    if fused.emotions is None or not _measured(result):
        return [np.nan] * 9
    known = {s.name: s.probability for s in fused.emotions}
    traces = [np.nan if v is None else v for v in (fused.valence, fused.arousal)]
    return [*(known.get(name, 0.0) for name in EMOTIONS), *traces]


def _measured(result: Result) -> bool:
    return any(r.source == "measured" for r in result.modalities.values())


def _coverage(pairs: Pairs) -> Coverage:
    any_label = np.isfinite(pairs.annotated).any(axis=1)
    own = [r for r, labelled in zip(pairs.results, any_label, strict=True) if labelled]
    count = max(len(own), 1)
    measured = [r for r in own if _measured(r)]
    recovered = [r for r in measured if "recovered" in {m.source for m in r.modalities.values()}]

    def share(modality: Modality) -> float:
        return (
            sum(
                modality in r.modalities and r.modalities[modality].source == "measured"
                for r in own
            )
            / count
        )

    return Coverage(
        windows=len(pairs.results),
        annotated=len(own),
        absent=1 - len(measured) / count,
        abstained=sum(r.fused.abstained for r in measured) / count,
        recovered=len(recovered) / count,
        modalities={name: share(name) for name in MODALITIES},
    )


def _emotion_agreement(pairs: Pairs) -> EmotionAgreement | None:
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    from ..models.metrics import accuracy, unweighted_average_recall

    truth, guess = classes(pairs)
    both = (truth >= 0) & (guess >= 0)
    if not both.any():
        return None
    one, two = truth[both], guess[both]
    varied = len(np.unique(np.concatenate([one, two]))) > 1
    counts = confusion_matrix(one, two, labels=list(range(len(EMOTIONS))))
    return EmotionAgreement(
        windows=int(both.sum()),
        accuracy=accuracy(one, two),
        kappa=float(cohen_kappa_score(one, two)) if varied else None,
        uar=unweighted_average_recall(one, two),
        confusion=tuple(tuple(int(c) for c in row) for row in counts),
        lag_ms=lag_ms(pairs.annotated[:, :7], pairs.predicted[:, :7], _ends(pairs)),
    )


def _trace_agreement(pairs: Pairs, column: int) -> TraceAgreement | None:
    one, two = pairs.annotated[:, column], pairs.predicted[:, column]
    both = np.isfinite(one) & np.isfinite(two)
    if not both.any():
        return None
    a, b = one[both], two[both]
    varied = a.std() > 1e-9 and b.std() > 1e-9
    covariance = float(((a - a.mean()) * (b - b.mean())).mean())
    spread = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return TraceAgreement(
        windows=int(both.sum()),
        ccc=2 * covariance / spread if varied else None,
        correlation=covariance / float(a.std() * b.std()) if varied else None,
        mean_error=float(np.abs(a - b).mean()),
        lag_ms=lag_ms(one[:, None], two[:, None], _ends(pairs)),
    )


def _ends(pairs: Pairs) -> list[int]:
    return [r.window.end_ms for r in pairs.results]
