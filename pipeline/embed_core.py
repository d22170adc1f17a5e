"""What the asyncio and the plain recognizer of `embed` have in common."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ..models.features import Modality
from ..stream.errors import LocalError
from ..stream.limits import MAX_PICTURE_SIDE, MAX_SESSIONS
from ..stream.tracks import PictureFeed, SoundFeed
from .config import Settings, load_settings
from .consent import Terms
from .events import Event, MeasurementResult, SessionClosed
from .live.engine import LiveEngine, Opening
from .live.handle import LiveHandle

EVENTS: Final = 2048
"""Events that wait for a slow reader; then the oldest results go first."""
CLOSE_S: Final = 3.0
NOT_EXPECTED: Final = "not_expected"


class Inbox:
    """Events on their way from the engine's thread to one reader.

    Args:
        wake: called on any thread when there are more.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.dropped = 0
        self._events: deque[Event] = deque()
        self._lock = threading.Lock()
        self._wake = wake

    def put(self, events: list[Event]) -> None:
        """Add events."""
        with self._lock:
            self._events.extend(events)
            while len(self._events) > EVENTS:
                self._drop()
        self._wake()

    def take(self) -> Event | None:
        """The next event, or None when there is none yet."""
        with self._lock:
            return self._events.popleft() if self._events else None

    def forget(self, session_id: str) -> None:
        """Delete all of a session that has not been read yet."""
        with self._lock:
            self._events = deque(e for e in self._events if e.session_id != session_id)

    def _drop(self) -> None:
        self.dropped += 1
        for index, event in enumerate(self._events):
            if isinstance(event, MeasurementResult):
                del self._events[index]
                return
        self._events.popleft()


class Person:
    """One participant: a place in the engine, and what their media go through.

    Args:
        handle: the place.
    """

    def __init__(self, handle: LiveHandle) -> None:
        self.handle: Final = handle
        self.sound: Final = SoundFeed(handle)
        self.pictures: Final = PictureFeed(handle)
        self.closed: Final = threading.Event()


class Embedded:
    """What both faces of the recognizer share.

    Args:
        settings: of all sessions.
        terms: purpose, consent, exception and reason.
        modalities: which streams each participant will have.

    Raises:
        ConsentError: nobody may be read under these terms.
        ModelError: weights are missing or damaged.
    """

    def __init__(
        self, settings: Settings, terms: Mapping[str, str], modalities: frozenset[Modality]
    ) -> None:
        # Refuses, before anything is loaded, terms under which nobody may be read.
        self._terms: Final = dict(terms)
        Terms("p1", **self._terms)
        self._people: dict[str, Person] = {}
        self._by_session: dict[str, Person] = {}
        self._inboxes: list[Inbox] = []
        self._lock = threading.Lock()
        self._absent: dict[Modality, str] = {
            m: NOT_EXPECTED for m in ("audio", "face") if m not in modalities
        }
        if "audio" not in modalities:
            self._absent["text"] = NOT_EXPECTED
        self._engine: Final = LiveEngine(settings, self, MAX_SESSIONS)

    def events(self, session_id: str, events: list[Event]) -> None:
        """Called by the engine."""
        with self._lock:
            inboxes = list(self._inboxes)
        for inbox in inboxes:
            inbox.put(events)
        if any(isinstance(event, SessionClosed) for event in events):
            person = self._by_session.pop(session_id, None)
            if person is not None:
                person.closed.set()

    def views(self, session_id: str, views: list[dict[str, Any]]) -> None:
        """Called by the engine; an embedding program draws for itself."""

    def person(self, participant: str) -> Person:
        """The participant's place; made at first use."""
        with self._lock:
            person = self._people.get(participant)
            if person is None:
                terms = Terms(participant, **self._terms)
                absent = dict(self._absent)
                opening = Opening(participant, "embedded", absent, views=False, terms=terms)
                person = Person(self._engine.open(opening))
                self._people[participant] = person
                self._by_session[person.handle.session_id] = person
        return person

    def subscribe(self, wake: Callable[[], None]) -> Inbox:
        """A new reader of all events from now on; `wake` is called on any thread."""
        inbox = Inbox(wake)
        with self._lock:
            self._inboxes.append(inbox)
        return inbox

    def unsubscribe(self, inbox: Inbox) -> None:
        """Forget a reader."""
        with self._lock:
            if inbox in self._inboxes:
                self._inboxes.remove(inbox)

    def push_audio(
        self, pcm: NDArray[np.float32], t_ns: int | None, rate_hz: int, participant: str
    ) -> None:
        """Take sound; see `embed.Recognizer.push_audio`."""
        if pcm.ndim != 1 or pcm.dtype != np.float32 or not pcm.size:
            raise LocalError(f"pcm is {pcm.dtype} {pcm.shape}, not float32 samples (N,)")
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = rate_hz
        self.person(participant).sound.push(frame, t_ns)

    def push_frame(self, bgr: NDArray[np.uint8], t_ns: int | None, participant: str) -> None:
        """Take a picture; see `embed.Recognizer.push_frame`."""
        good = bgr.ndim == 3 and bgr.shape[2] == 3 and bgr.dtype == np.uint8
        if not good or max(bgr.shape) > MAX_PICTURE_SIDE:
            raise LocalError(
                f"the frame is {bgr.dtype} {bgr.shape}, not uint8 (H, W, 3) with sides up to "
                f"{MAX_PICTURE_SIDE}"
            )
        self.person(participant).pictures.push(bgr.copy(), t_ns)

    def detach(self, participant: str) -> Person | None:
        """End a participant's session; their last events are still to come."""
        with self._lock:
            person = self._people.pop(participant, None)
        if person is not None:
            person.handle.end("end")
        return person

    def withdraw(self, participant: str) -> None:
        """End a participant's session and delete what is kept of it here; waits for its end."""
        person = self.detach(participant)
        if person is None:
            return
        person.closed.wait(CLOSE_S)
        with self._lock:
            inboxes = list(self._inboxes)
        for inbox in inboxes:
            inbox.forget(person.handle.session_id)

    @property
    def participants(self) -> list[str]:
        """Who takes part at present."""
        with self._lock:
            return list(self._people)

    def start(self) -> None:
        """Begin to load the models."""
        self._engine.start()

    def wait_ready(self) -> None:
        """Wait until they are loaded."""
        self._engine.wait_ready()

    def close(self) -> None:
        """End all sessions and workers."""
        people = [self.detach(participant) for participant in self.participants]
        for person in people:
            if person is not None:
                person.closed.wait(CLOSE_S)
        self._engine.close()


def embedded(
    config: Settings | Path | str | None,
    modalities: tuple[Modality, ...],
    terms: Mapping[str, str],
) -> Embedded:
    """Make one from settings, or from a file of them."""
    if isinstance(config, Settings):
        settings = config
    else:
        settings = load_settings(None if config is None else Path(config))
    return Embedded(settings, terms, frozenset(modalities))
