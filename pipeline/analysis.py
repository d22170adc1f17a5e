"""Tacit in a notebook: readings of a recording, one by one, as a table and as figures.

from tacit.pipeline import analyze

for result in analyze("talk.mp4"):
print(result.window.end_ms, result.top, result.valence)
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..models.features import MODALITIES, Modality
from ..models.labels import Emotion
from .config import Settings, load_settings
from .consent import Terms
from .events import AnyEvent, Event, ModalityReading, WindowSpan
from .export.table import rows
from .plan import ReplayRequest
from .report.columns import leading
from .report.errors import ReportError
from .report.figures import timeline_figure, valence_arousal_figure
from .report.participants import Participant, hop_ms, participants
from .report.stretches import Result as Measurement
from .runner import replay
from .sessions import SessionData, load_session

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

SETTLED_MS: Final = 4000
"""How much older than the newest window one is when it is given, so that late words are in it."""

SESSIONS: Final = frozenset({".mcap", ".jsonl"})


@dataclass(frozen=True, slots=True)
class Result:
    """What was read in one window.

    Attributes:
        event: the event that it comes from, with all there is to know.
    """

    event: Measurement

    @property
    def participant(self) -> str:
        """Whose window."""
        return self.event.participant

    @property
    def window(self) -> WindowSpan:
        """The stretch of time that was read, ms from the start of the session."""
        return self.event.window

    @property
    def top(self) -> Emotion | None:
        """The expressed emotion that is claimed; None when Tacit abstains."""
        best = leading(self.event)
        return None if best is None or self.abstained else best[0]

    @property
    def probabilities(self) -> Mapping[Emotion, float] | None:
        """Probability of each of the seven emotions; None when nothing was measured."""
        scores = self.event.fused.emotions
        return None if scores is None else {s.name: s.probability for s in scores}

    @property
    def valence(self) -> float | None:
        """From -1, unpleasant, to 1, pleasant; None when nothing was measured."""
        return self.event.fused.valence

    @property
    def arousal(self) -> float | None:
        """From -1, calm, to 1, excited; None when nothing was measured."""
        return self.event.fused.arousal

    @property
    def confidence(self) -> float | None:
        """Probability that the leading emotion is right; None when nothing was measured."""
        return self.event.fused.confidence

    @property
    def abstained(self) -> bool:
        """Whether no emotion is claimed."""
        return self.event.fused.abstained

    @property
    def modalities(self) -> Mapping[Modality, ModalityReading]:
        """What each modality gave, and how its sensor was doing."""
        return self.event.modalities

    @property
    def measured(self) -> tuple[Modality, ...]:
        """The modalities that were measured, rather than absent or guessed from others."""
        return tuple(m for m in MODALITIES if m in self.modalities and self._is_measured(m))

    def _is_measured(self, modality: Modality) -> bool:
        return self.modalities[modality].source == "measured"


class Analysis:
    """The readings of one recording; iterate over it as often as you like.

    The recording is read while the first loop runs. What needs all of it (`session`,
    `to_dataframe`, the plots) reads the rest first.

    Args:
        path: the recording or session.
        events: its events; taken once.
        media: a playable recording, if there is one.
    """

    def __init__(self, path: Path, events: Iterable[Event], media: Path | None = None) -> None:
        self._path = path
        self._media = media
        self._source = iter(events)
        self._events: list[Event] = []
        self._metadata: Mapping[str, str] = {}

    def __iter__(self) -> Iterator[Result]:
        """Each window once, by time, as soon as late words can change it no more.

        A window that is revised even later comes again, with `event.revision` counting up.
        """
        waiting: deque[Measurement] = deque()
        for event in self.events():
            if not isinstance(event, Measurement):
                continue
            places = {_key(w): i for i, w in enumerate(waiting)}
            if _key(event) in places:
                waiting[places[_key(event)]] = event
            else:
                waiting.append(event)
            while event.window.end_ms - waiting[0].window.end_ms > SETTLED_MS:
                yield Result(waiting.popleft())
        yield from map(Result, waiting)

    def events(self) -> Iterator[Event]:
        """Every event of the session: results, health, transcripts, drop reports, errors."""
        given = 0
        while True:
            if given == len(self._events):
                event = next(self._source, None)
                if event is None:
                    return
                self._events.append(event)
            yield self._events[given]
            given += 1

    @property
    def session(self) -> SessionData:
        """All of it, as reports and exports take it."""
        events: list[AnyEvent] = list(self.events())  # type: ignore[arg-type]
        return SessionData(self._path, events, self._metadata, self._media)

    def to_dataframe(self) -> "DataFrame":
        """The long table of exports: one row per window, modality and name.

        Raises:
            ModuleNotFoundError: pandas, of the extra `research`, is not installed.
        """
        import pandas as pd

        from .export.table import COLUMNS

        return pd.DataFrame.from_records(rows(self.session), columns=list(COLUMNS))

    def plot_timeline(self, participant: str | None = None) -> "Figure":
        """Emotions, valence, arousal and sensors over time.

        Args:
            participant: whose; the first one's unless named.

        Raises:
            ReportError: there is no such participant, or matplotlib is not installed.
        """
        session = self.session
        return timeline_figure(self._person(session, participant), hop_ms(session))

    def plot_valence_arousal(self, participant: str | None = None) -> "Figure":
        """Valence against arousal, coloured by time.

        Args:
            participant: whose; the first one's unless named.

        Raises:
            ReportError: there is no such participant, or matplotlib is not installed.
        """
        session = self.session
        return valence_arousal_figure(self._person(session, participant), hop_ms(session))

    def _person(self, session: SessionData, name: str | None) -> Participant:
        people = [p for p in participants(session) if p.results and name in (None, p.name)]
        if not people:
            raise ReportError(f"{self._path}: no results of {name or 'anybody'}")
        return people[0]


def analyze(
    media: str | Path,
    *,
    inject: str = "",
    asr: str | None = None,
    settings: Settings | None = None,
    participant: str = "p1",
    terms: Terms | None = None,
) -> Analysis:
    """Read the expressed emotion in a recording, in this process.

    Args:
        media: audio or video file; or a session (`.mcap`, `.jsonl`), whose results are taken as
            they are.
        inject: damage to try out, such as "face:freeze@2-4".
        asr: speech to text: a folder with Whisper weights, a model name, "auto" or "off".
        settings: see `Settings`; by default those of the environment.
        participant: name of the person recorded.
        terms: purpose and consent; by default those of whoever runs the program, for a personal
            purpose.

    Returns:
        the readings. Nothing is read before they are asked for.

    Raises:
        SessionError: a session cannot be read.
        ConsentError: nobody may be read under these terms.
        ConfigError: a setting of the environment is wrong.
    """
    path = Path(media)
    if path.suffix.lower() in SESSIONS:
        session = load_session(path)
        return Analysis(path, session.events, session.media)
    chosen = settings if settings is not None else load_settings()
    if asr is not None:
        chosen = chosen.model_copy(update={"asr": asr})
    request = ReplayRequest(path, chosen, inject, inline=True, participant=participant, terms=terms)
    return Analysis(path, _replayed(request), path)


def _replayed(request: ReplayRequest) -> Iterator[Event]:
    with replay(request) as session:
        yield from session


def _key(event: Measurement) -> tuple[str, int, int]:
    return event.participant, event.window.start_ms, event.window.end_ms
