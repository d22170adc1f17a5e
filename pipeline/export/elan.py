"""Sessions as ELAN annotation documents."""

import mimetypes
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...models.features import Modality
from ..events import ModalityReading
from ..health_rules import HealthState
from ..sessions import SessionData
from .cues import VERDICTS, Cue, cues, one_line, verdict
from .table import facts

if TYPE_CHECKING:
    from pympi import Eaf

Span = tuple[int, int, str]

_VOCABULARY: Final = "expressed emotion"
_LANGUAGE: Final = "und"
_MIME: Final = {".wav": "audio/x-wav", ".mp4": "video/mp4"}


def write_elan(session: SessionData, place: Path, target: Path) -> int:
    """Write an annotation document with tiers per participant.

    The tiers of participant p are "p expressed emotion" with one annotation per window, "p valence"
    and "p arousal" where they are known, "p transcript", and "p data quality MODALITY" for each
    modality, with the stretches where it was not measured or its stream was not well.

    Args:
        session: what to write.
        place: where to write it.
        target: where the file will be in the end: linked media is named relative to it.

    Returns:
        how many windows.
    """
    document = _document(session)
    if session.media is not None:
        _link(document, session.media, target)
    timeline = cues(session)
    for participant in sorted({c.result.participant for c in timeline}):
        own = [c for c in timeline if c.result.participant == participant]
        name = one_line(participant)
        emotions = ((c.start_ms, c.end_ms, verdict(c.result)) for c in own)
        _add(document, (name, _VOCABULARY), emotions)
        for dimension in ("valence", "arousal"):
            _add(document, (name, dimension), _numbers(own, dimension))
        _add(document, (name, "transcript"), _spoken(session, participant))
        for modality in own[0].result.modalities:
            _add(document, (name, f"data quality {modality}"), quality_spans(own, modality))
    document.to_file(str(place))
    return len(timeline)


def quality_spans(own: Sequence[Cue], modality: Modality) -> Iterator[Span]:
    """Stretches where a modality was recovered or absent, or its stream not well.

    Args:
        own: cues of one participant in order of time.
        modality: which.

    Yields:
        start and end in ms and what was the matter, such as "absent (lost: frozen)"; neighbouring
        cues with the same matter are one stretch.
    """
    marked = [(c, _matter(c.result.modalities.get(modality))) for c in own]
    for matter, group in groupby(marked, key=lambda pair: pair[1]):
        if matter is None:
            continue
        stretch = [cue for cue, _ in group]
        start = stretch[0].start_ms
        for before, after in pairwise(stretch):
            if before.end_ms != after.start_ms:
                yield start, before.end_ms, matter
                start = after.start_ms
        yield start, stretch[-1].end_ms, matter


def _matter(reading: ModalityReading | None) -> str | None:
    if reading is None:
        return "absent"
    if reading.source == "measured" and reading.state is HealthState.OK:
        return None
    reason = f": {reading.reason}" if reading.reason else ""
    return one_line(f"{reading.source} ({reading.state.value}{reason})")


def _document(session: SessionData) -> "Eaf":
    from pympi import Eaf

    document = Eaf(author="tacit")
    document.add_language(_LANGUAGE, "http://cdb.iso.org/lg/CDB-00130975-001", "undetermined")
    document.add_controlled_vocabulary(_VOCABULARY)
    document.add_cv_description(_VOCABULARY, _LANGUAGE, "Expressed emotion, as Tacit reads it")
    for number, value in enumerate(VERDICTS):
        document.add_cv_entry(_VOCABULARY, f"cve{number}", [(value, _LANGUAGE, None)])
    kind: dict[str, Any] = {
        "LINGUISTIC_TYPE_ID": _VOCABULARY,
        "TIME_ALIGNABLE": "true",
        "GRAPHIC_REFERENCES": "false",
        "CONTROLLED_VOCABULARY_REF": _VOCABULARY,
    }
    document.add_linguistic_type(_VOCABULARY, param_dict=kind)
    for name, value in facts(session).items():
        document.add_property(f"tacit.{name}", one_line(value))
    document.remove_tier("default")
    return document


def _link(document: "Eaf", media: Path, target: Path) -> None:
    absolute = media.resolve()
    relative = Path(os.path.relpath(absolute, target.resolve().parent)).as_posix()
    kind = _MIME.get(media.suffix.lower()) or mimetypes.guess_type(media.name)[0]
    document.add_linked_file(absolute.as_uri(), f"./{relative}", kind or "unknown")


def _add(document: "Eaf", named: tuple[str, str], spans: Iterable[Span]) -> None:
    participant, dimension = named
    tier = f"{participant} {dimension}"
    kind = _VOCABULARY if dimension == _VOCABULARY else "default-lt"
    document.add_tier(tier, kind, part=participant)
    for start_ms, end_ms, value in spans:
        document.add_annotation(tier, start_ms, end_ms, value)


def _numbers(own: Iterable[Cue], dimension: str) -> Iterator[Span]:
    for cue in own:
        value = getattr(cue.result.fused, dimension)
        if value is not None:
            yield cue.start_ms, cue.end_ms, f"{value:.4f}"


def _spoken(session: SessionData, participant: str) -> Iterator[Span]:
    own = (t for t in session.transcripts if t.participant == participant)
    before = 0
    for transcript in sorted(own, key=lambda t: (t.start_ms, t.end_ms)):
        # Annotations of one tier must not overlap; recognised speech may, by a few ms.
        start = max(before, transcript.start_ms)
        end = max(transcript.end_ms, start + 1)
        yield start, end, one_line(transcript.text)
        before = end
