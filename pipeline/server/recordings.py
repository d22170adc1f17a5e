"""Sessions of the server that are kept: only where the operator allows it and the caller asks.

All disk work is done in threads: of the recorder while a session runs, of the event loop's pool
before and after.
"""

import asyncio
import datetime
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...stream.errors import RecordingError
from ..consent import Terms
from ..events import Event
from ..live.engine import Opening
from ..live.taping import recorded_opening
from ..purge import delete, has_expired, sessions_in
from ..recorder import Recorder, RecordOptions
from ..session_media import STREAMS_SUFFIX
from .errors import ApiError
from .viewers import Line

FEATURES: Final = "features"
MEDIA: Final = "media"
OFF: Final = ("", "off")
PURGE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """What the operator allows.

    Attributes:
        folder: where session files go.
        retention_days: after how many days they are deleted; None for never.
        media: callers may ask for sound and pictures as well.
    """

    folder: Path
    retention_days: int | None = None
    media: bool = False

    @property
    def offered(self) -> tuple[str, ...]:
        """What callers may ask for."""
        return (FEATURES, MEDIA) if self.media else (FEATURES,)


class Recording:
    """The file of one session, as the event loop sees it.

    Args:
        recorder: writes it; belongs to this object from now on.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder: Final = recorder
        self.ended = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """Whether it goes on: "recording", "stopped" (by its disk) or "ended"."""
        if self.ended:
            return "ended"
        return "stopped" if self.recorder.failure else "recording"

    def as_json(self) -> dict[str, Any]:
        """For the API: what is kept, and whether it still is."""
        content = MEDIA if self.recorder.options.media else FEATURES
        return {"content": content, "state": self.state}

    def line(self, session_id: str, participant: str) -> Line:
        """What viewers are told, who must be able to see that a session is recorded."""
        fields = {
            "type": "view.recording",
            **self.as_json(),
            "session_id": session_id,
            "participant": participant,
        }
        return Line(session_id, json.dumps(fields), "fact", time.monotonic_ns())

    def opening(self, opening: Opening, busy: Callable[[], bool]) -> Opening:
        """A session that is told to this recording; `busy`: the machine is overloaded."""
        return recorded_opening(self.recorder, opening, busy)

    def event(self, event: Event) -> list[tuple[str, str]]:
        """Keep an event; gives what became of the recording since the last one."""
        self.recorder.event(event)
        return self.recorder.news()

    async def close(self) -> None:
        """Complete the file; can be called twice."""
        if self._closing is None:
            self._closing = asyncio.create_task(asyncio.to_thread(self.recorder.close))
        await asyncio.shield(self._closing)
        self.ended = True

    async def discard(self) -> None:
        """Delete all files of the session.

        Raises:
            OSError: the disk does not let go of one.
        """
        await self.close()
        await asyncio.to_thread(_unlink, self.recorder.paths)


class Recordings:
    """Begins recordings and sees to it that they are not kept too long.

    Args:
        rules: what the operator allows; None for no recording at all.
        note: told a sentence when something goes wrong with old files.
    """

    def __init__(self, rules: RecordingRules | None, note: Callable[[str], None]) -> None:
        self.rules: Final = rules
        self._note = note
        self._purged_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """What this server offers, for /api/info."""
        rules = self.rules
        days = None if rules is None else rules.retention_days
        return {"offered": [] if rules is None else list(rules.offered), "retention_days": days}

    def wished(self, fields: Mapping[str, Any]) -> str:
        """What a request asks to keep, and may: `FEATURES`, `MEDIA`, or nothing ("").

        Args:
            fields: query or JSON; `record` says what to keep.

        Raises:
            ApiError: it is not allowed here, or nobody's consent to it is stated.
        """
        wish = str(fields.get("record") or "")
        if wish in OFF:
            return ""
        if self.rules is None:
            raise ApiError(
                "recording_off", "This server keeps nothing; start it with --record-dir FOLDER"
            )
        if wish == MEDIA and not self.rules.media:
            raise ApiError(
                "recording_off",
                f"This server keeps no sound or pictures: ask for record={FEATURES}, or start it "
                "with --record-media",
            )
        if wish not in self.rules.offered:
            offered = " or ".join(f"record={what}" for what in self.rules.offered)
            raise ApiError("bad_request", f"{offered}, or leave it out to keep nothing")
        if not str(fields.get("consent") or "").strip():
            what = "sound and pictures" if wish == MEDIA else "the session"
            raise ApiError(
                "consent_needed",
                f"Ask the participant whether {what} may be kept, then send consent=TEXT",
            )
        return wish

    async def begin(self, terms: Terms, wish: str = FEATURES) -> Recording:
        """Make the file of a session that is about to begin.

        Args:
            terms: under which it runs.
            wish: see `wished`.

        Raises:
            ApiError: there cannot be one.
        """
        rules = self.rules
        assert rules is not None
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{now}-{terms.participant}-{secrets.token_hex(4)}.mcap"
        options = RecordOptions(
            rules.folder / name,
            terms.purpose,
            terms.consent,
            rules.retention_days,
            media=wish == MEDIA,
            patient=False,
        )
        try:
            return Recording(await asyncio.to_thread(Recorder, options))
        except RecordingError as exc:
            raise ApiError("recording_failed", f"The session cannot be kept: {exc}") from exc

    async def look_after(self) -> None:
        """Delete what is past its days, once an hour."""
        now_s = time.monotonic()
        due = self._purged_s is None or now_s - self._purged_s >= PURGE_S
        if self.rules is not None and due:
            self._purged_s = now_s
            for problem in await asyncio.to_thread(purge_expired, self.rules.folder):
                self._note(problem)


def purge_expired(folder: Path) -> list[str]:
    """Delete sessions that are past their days; gives what went wrong."""
    problems: list[str] = []
    now = datetime.datetime.now(datetime.UTC)
    for found in sessions_in(folder):
        try:
            if found.facts is not None and has_expired(found.facts, now):
                delete(found)
        except RecordingError as exc:
            problems.append(str(exc))
    return problems


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        # A report may have put a playable copy beside it.
        path.with_name(f"{path.stem}.media{STREAMS_SUFFIX}").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
