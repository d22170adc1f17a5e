"""Tacit inside another program: give it tracks, sound or pictures, and take events.

async with Recognizer.open() as recognizer:
    recognizer.attach(track, participant="p1")
    async for event in recognizer.events():
        print(event)

Every participant has windows, health and a session of their own. Models run in worker processes;
nothing here keeps the event loop busy.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

from ..models.features import Modality
from ..stream.tracks import hear_sound, watch_pictures
from .config import Settings
from .embed_core import CLOSE_S, Embedded, embedded
from .events import Event

__all__ = ["Recognizer", "SyncRecognizer"]


class Recognizer:
    """Reads the expressed emotion of several people at once, inside an asyncio program.

    Use it as `async with Recognizer.open(...) as recognizer`.
    """

    def __init__(self, core: Embedded) -> None:
        self._core = core
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._streams: set[asyncio.Event] = set()
        self._closed = False

    @classmethod
    def open(
        cls,
        config: Settings | Path | str | None = None,
        *,
        modalities: tuple[Modality, ...] = ("audio", "face"),
        purpose: str = "test",
        consent: str = "embedding program",
        exception: tuple[str, str] | None = None,
    ) -> Self:
        """Make a recognizer; entering it loads the models.

        Args:
            config: settings, or a TOML file of them; None for the environment's.
            modalities: which streams each participant will have.
            purpose: what it is for, a code of `consent.PURPOSES`.
            consent: identifies the consent of the participants.
            exception: where the purpose needs one: "medical" or "safety", and the reason.

        Raises:
            ConsentError: the purpose is prohibited, or something is missing.
            ConfigError: a setting is wrong.
            ModelError: weights are missing or damaged.
        """
        return cls(embedded(config, modalities, _terms(purpose, consent, exception)))

    async def __aenter__(self) -> Self:
        self._core.start()
        await asyncio.to_thread(self._core.wait_ready)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def attach(self, track: MediaStreamTrack, participant: str = "p1") -> None:
        """Read a participant's track from now on, until it ends; one of each kind.

        The recognizer takes all of its frames; give it a `MediaRelay` subscription where others
        want them too.

        Args:
            track: sound or pictures.
            participant: whose; letters, digits, dots, dashes and underscores.

        Raises:
            EngineError: too many participants.
        """
        handle = self._core.person(participant).handle
        read = hear_sound if track.kind == "audio" else watch_pictures
        task = asyncio.ensure_future(read(track, handle))
        self._tasks.setdefault(participant, set()).add(task)

    def push_audio(
        self,
        pcm: NDArray[np.float32],
        t_ns: int | None = None,
        *,
        rate_hz: int = 16_000,
        participant: str = "p1",
    ) -> None:
        """Give sound.

        Args:
            pcm: (N,) float32 in [-1, 1], mono; 10 to 100 ms are best.
            t_ns: time of the first sample by any clock of yours; None: right after the piece
                before.
            rate_hz: its sampling rate.
            participant: whose.

        Raises:
            LocalError: the array has another form.
        """
        self._core.push_audio(pcm, t_ns, rate_hz, participant)

    def push_frame(
        self, bgr: NDArray[np.uint8], t_ns: int | None = None, *, participant: str = "p1"
    ) -> None:
        """Give a picture.

        Args:
            bgr: (H, W, 3) uint8; it is copied.
            t_ns: when it was captured by any clock of yours; None: now.
            participant: whose.

        Raises:
            LocalError: the array has another form.
        """
        self._core.push_frame(bgr, t_ns, participant)

    async def detach(self, participant: str = "p1") -> None:
        """End a participant's session; the last events come before this returns."""
        for task in self._tasks.pop(participant, set()):
            task.cancel()
        person = self._core.detach(participant)
        if person is not None:
            await asyncio.to_thread(person.closed.wait, CLOSE_S)

    async def events(self) -> AsyncIterator[Event]:
        """Every event of all participants from now on, until the recognizer is closed."""
        loop, filled = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(filled.set)

        inbox = self._core.subscribe(wake)
        self._streams.add(filled)
        try:
            while True:
                while (event := inbox.take()) is not None:
                    yield event
                if self._closed:
                    return
                filled.clear()
                await filled.wait()
        finally:
            self._streams.discard(filled)
            self._core.unsubscribe(inbox)

    async def withdraw(self, participant: str = "p1") -> None:
        """A participant takes their consent back: end their session, delete what is kept of it.

        What was read of the events before is the caller's, and the caller's to delete.
        """
        for task in self._tasks.pop(participant, set()):
            task.cancel()
        await asyncio.to_thread(self._core.withdraw, participant)

    async def close(self) -> None:
        """End all sessions and workers."""
        for tasks in self._tasks.values():
            for task in tasks:
                task.cancel()
        self._tasks.clear()
        await asyncio.to_thread(self._core.close)
        self._closed = True
        for filled in self._streams:
            filled.set()


class SyncRecognizer:
    """The same without asyncio: push sound and pictures from any thread, loop over events.

    with SyncRecognizer.open() as recognizer:
        recognizer.push_frame(frame)
        for event in recognizer.events(timeout_s=0):
            ...
    """

    def __init__(self, core: Embedded) -> None:
        self._core = core
        self._filled = threading.Event()
        self._inbox = core.subscribe(self._filled.set)
        self._closed = False

    @classmethod
    def open(
        cls,
        config: Settings | Path | str | None = None,
        *,
        modalities: tuple[Modality, ...] = ("audio", "face"),
        purpose: str = "test",
        consent: str = "embedding program",
        exception: tuple[str, str] | None = None,
    ) -> Self:
        """Make a recognizer; see `Recognizer.open`."""
        return cls(embedded(config, modalities, _terms(purpose, consent, exception)))

    def __enter__(self) -> Self:
        self._core.start()
        self._core.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def push_audio(
        self,
        pcm: NDArray[np.float32],
        t_ns: int | None = None,
        *,
        rate_hz: int = 16_000,
        participant: str = "p1",
    ) -> None:
        """Give sound; see `Recognizer.push_audio`."""
        self._core.push_audio(pcm, t_ns, rate_hz, participant)

    def push_frame(
        self, bgr: NDArray[np.uint8], t_ns: int | None = None, *, participant: str = "p1"
    ) -> None:
        """Give a picture; see `Recognizer.push_frame`."""
        self._core.push_frame(bgr, t_ns, participant)

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """Events since the last call, and those to come.

        Args:
            timeout_s: end when none has come for so long; 0: give what is there; None: never end
                by itself.
        """
        while True:
            while (event := self._inbox.take()) is not None:
                yield event
            self._filled.clear()
            if self._closed or not self._filled.wait(timeout_s):
                return

    def detach(self, participant: str = "p1") -> None:
        """End a participant's session; its last events are there when this returns."""
        person = self._core.detach(participant)
        if person is not None:
            person.closed.wait(CLOSE_S)

    def withdraw(self, participant: str = "p1") -> None:
        """A participant takes their consent back; see `Recognizer.withdraw`."""
        self._core.withdraw(participant)

    def close(self) -> None:
        """End all sessions and workers."""
        self._core.close()
        self._closed = True
        self._filled.set()


def _terms(purpose: str, consent: str, exception: tuple[str, str] | None) -> dict[str, str]:
    kind, reason = exception or ("", "")
    return {"purpose": purpose, "consent": consent, "exception": kind, "reason": reason}
