"""Reads one input after another with models that are loaded once."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from ...models.errors import ModelError
from ..events import (
    AnyEvent,
    ErrorEvent,
    Event,
    MeasurementResult,
    MeasurementRevised,
    SessionReady,
)
from ..feeds import InlineFeed
from ..job import Job
from ..plan import ReplayRequest, make_plan
from ..predictors import InlinePredictor
from ..recorded import RecordedSession
from ..runner import ReplaySession
from ..sessions import SessionData, load_session
from ..stages.loaded import LoadedModels
from .inputs import BatchError, BatchInput, sha256_of
from .parts import PartFacts, part_path, write_part
from .recipe import Recipe

REPORT_NS: Final = 500_000_000
MAX_PROBLEMS: Final = 20
MAX_LINE: Final = 300

Progress = Callable[[float], None]


class Outcome(BaseModel):
    """What became of one input.

    Attributes:
        id: name of its part file.
        input: its name.
        participant: as given.
        status: "done" (read now), "kept" (read by an earlier run) or "failed".
        error: why it failed, in one line.
        problems: what went wrong without stopping it, in one line each.
        duration_ms: length of the recording.
        windows: windows that were read.
        took_s: time that it took.
        attempts: how often it was tried.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    input: str
    participant: str
    status: Literal["done", "kept", "failed"]
    error: str = ""
    problems: tuple[str, ...] = ()
    duration_ms: int = 0
    windows: int = 0
    took_s: float = 0.0
    attempts: int = 1


def failed(source: BatchInput, error: str, took_s: float = 0.0) -> Outcome:
    """The outcome of an input that could not be read."""
    return Outcome(
        id=source.id,
        input=source.name,
        participant=source.participant,
        status="failed",
        error=error,
        took_s=round(took_s, 3),
    )


def succeeded(
    source: BatchInput, facts: PartFacts, status: Literal["done", "kept"], took_s: float = 0.0
) -> Outcome:
    """The outcome of an input whose part file is there."""
    return Outcome(
        id=source.id,
        input=source.name,
        participant=source.participant,
        status=status,
        problems=facts.problems,
        duration_ms=facts.duration_ms,
        windows=facts.windows,
        took_s=round(took_s, 3),
    )


class Reader:
    """Turns inputs into part files, one at a time.

    Args:
        recipe: how.
        out: folder of the data set.
    """

    def __init__(self, recipe: Recipe, out: Path) -> None:
        self._recipe = recipe
        self._out = out
        self._models = LoadedModels(recipe.settings)

    def read(self, source: BatchInput, progress: Progress = lambda share: None) -> Outcome:
        """Read one input and write its part file.

        Args:
            source: what to read.
            progress: told now and then what share has been read, 0 to 1.

        Returns:
            how it went; an input that cannot be read is an outcome, not an exception.

        Raises:
            ModelError: the models cannot be loaded, so that no input can be read.
        """
        began = time.monotonic()
        try:
            facts = self._read(source, progress)
        except ModelError:
            raise
        # Whatever a file does to the decoders or models, the other files are still to be read.
        except Exception as exc:  # noqa: BLE001
            return failed(source, one_line(exc, source.path), time.monotonic() - began)
        return succeeded(source, facts, "done", time.monotonic() - began)

    def close(self) -> None:
        """Free the models."""
        self._models.close()

    def _read(self, source: BatchInput, progress: Progress) -> PartFacts:
        # A result of another input or other settings must not stay if this one fails.
        part_path(self._out, source).unlink(missing_ok=True)
        input_sha256 = sha256_of(source.path)
        session, duration_ms = self._session(source, progress)
        errors = [e.message for e in session.events if isinstance(e, ErrorEvent)]
        problems = [shortened(message, source.path) for message in errors[:MAX_PROBLEMS]]
        windows = len(session.results)
        if problems and not windows:
            raise BatchError(problems[0])
        facts = PartFacts(
            self._recipe.fingerprint(source, input_sha256),
            input_sha256,
            duration_ms,
            windows,
            tuple(problems),
        )
        write_part(self._out, source, self._recipe, session, facts)
        return facts

    def _session(self, source: BatchInput, progress: Progress) -> tuple[SessionData, int]:
        suffix = source.path.suffix.lower()
        if suffix == ".jsonl":
            session = load_session(source.path)
            ends = [result.window.end_ms for result in session.results]
            return session, max(ends, default=0)
        found = self._recorded(source) if suffix == ".mcap" else self._media(source)
        events = _collected(found, found.duration_ms, progress)
        return SessionData(source.path, events, {}, None), found.duration_ms

    def _media(self, source: BatchInput) -> ReplaySession:
        recipe = self._recipe
        request = ReplayRequest(
            media=source.path,
            settings=recipe.settings,
            inject=recipe.inject,
            inline=True,
            participant=source.participant,
        )
        plan = make_plan(request)
        feed = InlineFeed(plan.jobs, build=self._models.stage)
        return ReplaySession(request, plan, feed, self._predictor())

    def _recorded(self, source: BatchInput) -> RecordedSession:
        if self._recipe.inject:
            raise BatchError("--inject needs media; a session holds features")
        return RecordedSession(source.path, self._predictor(), self._recipe.settings)

    def _predictor(self) -> InlinePredictor:
        return InlinePredictor(Job(settings=self._recipe.settings), self._models.recognizer)


def one_line(error: BaseException, path: Path) -> str:
    """What went wrong, for a list: kinds of errors that have no message are named."""
    text, kind = str(error), type(error)
    if not text:
        text = kind.__name__
    elif kind.__module__ == "builtins" and not isinstance(error, ValueError | OSError):
        text = f"{kind.__name__}: {text}"
    return shortened(text, path)


def shortened(text: str, path: Path) -> str:
    """One line without the folders of this machine."""
    line = " ".join(text.replace(str(path), path.name).split())
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def _collected(events: Iterable[Event], duration_ms: int, progress: Progress) -> list[AnyEvent]:
    """The events that a table is made of."""
    kept: list[AnyEvent] = []
    due_ns = time.monotonic_ns()
    for event in events:
        if isinstance(event, MeasurementResult | MeasurementRevised):
            if time.monotonic_ns() >= due_ns:
                progress(min(event.window.end_ms / max(duration_ms, 1), 1.0))
                due_ns = time.monotonic_ns() + REPORT_NS
            kept.append(event)
        elif isinstance(event, SessionReady | ErrorEvent):
            kept.append(event)
    return kept
