"""`tacit replay` and `tacit verify-replay`."""

import itertools
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from ...stream.recording_reader import is_recording
from ..compare import differences
from ..config import ConfigError, Settings, load_settings
from ..consent import DEFAULT_PURPOSE, OPERATOR, Terms
from ..events import AnyEvent, Event
from ..job import Job
from ..plan import ReplayRequest
from ..predictors import InlinePredictor
from ..recorded import RecordedSession, read_facts, terms_of_facts
from ..runner import replay
from ..session_media import media_of
from ..sessions import load_session
from ..verify import verify
from .options import (
    AsrOption,
    BaselineOption,
    ConfigOption,
    ConsentOption,
    ExceptionOption,
    InjectOption,
    InprocOption,
    JsonOption,
    PurposeOption,
    ReasonOption,
    SpeedOption,
    WeightsOption,
    baseline_overrides,
    parse_speed,
)
from .play import Kept, play

EXIT_DIFFERENT: Final = 1
SHOWN_DIFFERENCES: Final = 5
Origin = Literal["features", "media"]


def replay_command(
    file: Annotated[
        Path, typer.Argument(help="Any audio or video file, or a session from tacit record.")
    ],
    json_path: JsonOption = None,
    inject: InjectOption = "",
    speed: SpeedOption = "max",
    inproc: InprocOption = False,
    origin: Annotated[
        Origin,
        typer.Option("--from", help="What to read of a session: its features, or its media."),
    ] = "features",
    compare: Annotated[
        Path | None,
        typer.Option(help="Session (.mcap or .jsonl) to compare with; exits with 1 if different."),
    ] = None,
    baseline: BaselineOption = None,
    purpose: PurposeOption = DEFAULT_PURPOSE,
    consent: ConsentOption = OPERATOR,
    exception: ExceptionOption = "",
    reason: ReasonOption = "",
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Read a recording, window by window.

    The same recording and settings give the same events, at any speed. Sensors that fail, or that
    --inject breaks, are flagged and left out; the rest goes on. A session from tacit record is
    read from its features, with its own settings unless --config names others.

    tacit replay talk.mp4

    tacit replay talk.mp4 --json events.jsonl --inject face:freeze@2-4

    tacit replay talk.mcap --compare events.jsonl
    """
    terms = Terms("p1", purpose, consent, exception, reason)
    overrides = {"asr": asr, "weights": weights, **baseline_overrides(baseline, config)}
    settings = load_settings(config, overrides)
    # Read first: the events to compare with may be in the file that --json replaces.
    known = None if compare is None else load_session(compare).events
    kept = Kept()
    pace = parse_speed(speed)
    if is_recording(file) and origin == "features":
        if inject or asr is not None:
            raise ConfigError("--inject and --asr change the media: give --from media as well")
        own = _own_settings(file, settings, keep_windows=config is None)
        if baseline is not None:
            own = own.model_copy(update={"baseline": settings.baseline})
        session = RecordedSession(file, InlinePredictor(Job(settings=own)), own, pace)
        play(session, json_path, kept)
    else:
        request = ReplayRequest(file, settings, inject, pace, inproc, terms=terms)
        if is_recording(file):
            request = _from_media(file, request, keep_settings=config is None)
        with replay(request) as running:
            play(running, json_path, kept)
    if known is not None and _differ(compare, known, kept.events):
        raise typer.Exit(EXIT_DIFFERENT)


def _differ(compare: Path | None, known: list[AnyEvent], events: list[Event]) -> bool:
    """Say where the events differ from those of another session, if they do."""
    found = list(itertools.islice(differences(known, events), SHOWN_DIFFERENCES))
    for difference in found:
        typer.echo(str(difference))
    typer.echo(f"{compare}: {'different' if found else 'the same events'}")
    return bool(found)


def verify_replay_command(
    session: Annotated[Path, typer.Argument(help="Session from tacit record.")],
    weights: WeightsOption = None,
) -> None:
    """Replay a session and check that its events come out again, byte for byte but for latency.

    Exits with 1 at a difference, which it names.
    """
    settings = load_settings(None, {"weights": weights})
    own = _own_settings(session, settings, keep_windows=True)
    recorded = RecordedSession(session, InlinePredictor(Job(settings=own)), own)
    verdict = verify(recorded)
    note = f"; the file ends early: {verdict.problem}" if verdict.problem else ""
    if verdict.good:
        typer.echo(f"OK: {verdict.equal} events are the same again{note}")
        return
    typer.echo(f"NOT THE SAME after {verdict.equal} equal events{note}")
    if verdict.difference is not None:
        typer.echo(str(verdict.difference))
    raise typer.Exit(EXIT_DIFFERENT)


def _own_settings(file: Path, settings: Settings, *, keep_windows: bool) -> Settings:
    """Settings for a replay from features: what shaped the session, unless others are asked."""
    if not keep_windows:
        return settings
    own = read_facts(file).settings
    return settings.model_copy(update={"windows": own.windows, "baseline": own.baseline})


def _from_media(file: Path, request: ReplayRequest, *, keep_settings: bool) -> ReplayRequest:
    facts, media = media_of(file)
    settings = request.settings
    if keep_settings:
        settings = facts.settings.model_copy(
            update={"weights": settings.weights, "threads": settings.threads}
        )
    return ReplayRequest(
        media,
        settings,
        request.inject or facts.inject,
        request.speed,
        request.inline,
        facts.participant,
        facts.source,
        terms_of_facts(facts),
    )
