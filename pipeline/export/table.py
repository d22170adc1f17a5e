"""A session as a long table: one row per window, modality and name.

Long tables go into statistics programs as they are. Each row says whether its value was measured,
so that values which were recovered from other modalities can be left out by one filter.
"""

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ...models.features import Modality, Source
from ...models.labels import EMOTIONS
from ..events import (
    EmotionScore,
    FusedReading,
    MeasurementResult,
    MeasurementRevised,
    ModalityReading,
    ModelRef,
    SessionReady,
)
from ..sessions import SessionData

if TYPE_CHECKING:
    import pyarrow as pa

Result = MeasurementResult | MeasurementRevised
RowModality = Literal["fused", "audio", "face", "text"]

FUSED_NAMES: Final = (*EMOTIONS, "valence", "arousal", "confidence")
"""What the rows of the fused reading are about, in their order."""


class Row(NamedTuple):
    """One value of one window.

    Attributes:
        session: name of the session.
        window_start_ms: start of the window, ms from the start of the session.
        window_end_ms: its end.
        participant: whose window.
        modality: which modality says so, or "fused" for all of them together.
        name: an emotion, whose value is a probability, or, for "fused" only, "valence" or "arousal"
            in [-1, 1] or "confidence" in [0, 1].
        value: None where nothing was measured, never 0 in its place.
        state: health of the modality's stream; None for "fused".
        source: "measured", "recovered" from other modalities, or "absent"; "fused" counts as
            measured when any modality is.
        revision: 0 for the first reading of the window.
        abstained: whether no emotion is claimed for the window.
    """

    session: str
    window_start_ms: int
    window_end_ms: int
    participant: str
    modality: RowModality
    name: str
    value: float | None
    state: str | None
    source: Source
    revision: int
    abstained: bool


COLUMNS: Final = Row._fields


def rows(session: SessionData) -> list[Row]:
    """The table of a session: for each window 10 rows of "fused" and 7 per modality.

    Args:
        session: one that is finished; one without results gives no rows.

    Returns:
        rows by participant, window, modality ("fused" first) and name; of a window that was
        revised, the latest reading only.
    """
    return [row for result in session.results for row in _rows_of(result)]


def to_table(session: SessionData) -> "pa.Table":
    """The same as an Arrow table, with `facts` in the metadata of its schema.

    Raises:
        ModuleNotFoundError: pyarrow, of the extra `research`, is not installed.
    """
    import pyarrow as pa

    described = schema().with_metadata({f"tacit.{k}": v for k, v in facts(session).items()})
    columns = zip(*found, strict=True) if (found := rows(session)) else ((),) * len(COLUMNS)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, described, strict=True)]
    return pa.Table.from_arrays(arrays, schema=described)


def schema() -> "pa.Schema":
    """The Arrow types of the columns.

    Raises:
        ModuleNotFoundError: pyarrow, of the extra `research`, is not installed.
    """
    import pyarrow as pa

    types = {
        "window_start_ms": pa.int64(),
        "window_end_ms": pa.int64(),
        "value": pa.float64(),
        "revision": pa.int32(),
        "abstained": pa.bool_(),
    }
    may_miss = {"value", "state"}
    fields = [pa.field(c, types.get(c, pa.string()), nullable=c in may_miss) for c in COLUMNS]
    return pa.schema(fields)


def session_id(session: SessionData) -> str:
    """Name of the session; the file's own name when it holds no event."""
    return session.events[0].session_id if session.events else session.path.stem


def facts(session: SessionData) -> dict[str, str]:
    """What a table of this session should carry: session, source, model, its hash and version."""
    ready = next((e for e in session.events if isinstance(e, SessionReady)), None)
    model = _model(session)
    return {
        "session": session_id(session),
        "source": ready.source if ready else "",
        "model": model.id if model else "",
        "model_sha256": model.sha256 if model else "",
        "version": metadata.version("tacit"),
    }


def source_of(result: Result) -> Source:
    """Whether anything of a window was measured."""
    measured = any(r.source == "measured" for r in result.modalities.values())
    return "measured" if measured else "absent"


def _model(session: SessionData) -> ModelRef | None:
    named = SessionReady | MeasurementResult | MeasurementRevised
    return next((e.model for e in session.events if isinstance(e, named)), None)


def _rows_of(result: Result) -> Iterator[Row]:
    for name, value in _fused_values(result.fused):
        yield _row(result, "fused", name, value, None)
    for modality, reading in result.modalities.items():
        for name, value in _probabilities(reading.emotions):
            yield _row(result, modality, name, value, reading)


def _row(
    result: Result,
    modality: Modality | Literal["fused"],
    name: str,
    value: float | None,
    reading: ModalityReading | None,
) -> Row:
    return Row(
        session=result.session_id,
        window_start_ms=result.window.start_ms,
        window_end_ms=result.window.end_ms,
        participant=result.participant,
        modality=modality,
        name=name,
        value=value,
        state=None if reading is None else reading.state.value,
        source=source_of(result) if reading is None else reading.source,
        revision=result.revision,
        abstained=result.fused.abstained,
    )


def _fused_values(fused: FusedReading) -> Iterator[tuple[str, float | None]]:
    yield from _probabilities(fused.emotions)
    yield "valence", fused.valence
    yield "arousal", fused.arousal
    yield "confidence", fused.confidence


def _probabilities(
    emotions: tuple[EmotionScore, ...] | None,
) -> Iterator[tuple[str, float | None]]:
    known = {score.name: score.probability for score in emotions or ()}
    for name in EMOTIONS:
        yield name, known.get(name)
