"""`tacit record` and `tacit purge`."""

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from ...stream.errors import RecordingError
from ..config import ConfigError, load_settings
from ..consent import DEFAULT_PURPOSE, OPERATOR, Terms
from ..live.run import LiveRun
from ..media_recorder import media_line
from ..plan import ReplayRequest
from ..purge import Found, delete, has_expired, sessions_in
from ..recorder import Recorder, RecordOptions
from ..runner import replay
from ..session_format import NAME_PATTERN
from .live import devices_of, opening_on
from .options import (
    AsrOption,
    CameraOption,
    ConfigOption,
    ConsentOption,
    ExceptionOption,
    InjectOption,
    InprocOption,
    JsonOption,
    MicrophoneOption,
    PurposeOption,
    ReasonOption,
    RetentionOption,
    SecondsOption,
    SpeedOption,
    WeightsOption,
    parse_speed,
)
from .play import play

EXIT_UNREAD: Final = 1


def record_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="New session file, .mcap.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="Any audio or video file; without one, microphone and camera."),
    ] = None,
    json_path: JsonOption = None,
    media: Annotated[
        bool,
        typer.Option(
            "--media/--features-only",
            help="Put the media themselves into the session: a file as it is, live sound and "
            "pictures as compressed streams; by default only features go in.",
        ),
    ] = False,
    participant: Annotated[str, typer.Option(help="Name or pseudonym of who is seen.")] = "p1",
    purpose: PurposeOption = DEFAULT_PURPOSE,
    consent: ConsentOption = OPERATOR,
    exception: ExceptionOption = "",
    reason: ReasonOption = "",
    retention_days: RetentionOption = None,
    microphone: MicrophoneOption = "default",
    camera: CameraOption = "default",
    seconds: SecondsOption = None,
    inject: InjectOption = "",
    speed: SpeedOption = "max",
    inproc: InprocOption = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep a session, live or from a file: features, sensor health, words and results.

    The file is whole after every record, whatever stops the program, and gives the same results
    again: see tacit replay and tacit verify-replay.

    tacit record talk.mp4 -o talk.mcap

    tacit record talk.mp4 -o talk.mcap --media --purpose research --consent "study 7, form 12"

    tacit record -o now.mcap --seconds 60

    tacit record -o now.mcap --media --consent "study 7, form 12: picture and sound"
    """
    if re.fullmatch(NAME_PATTERN, participant) is None:
        raise ConfigError(f"--participant {participant}: letters, digits, dot, dash and underscore")
    terms = Terms(participant, purpose, consent, exception, reason)
    pace = parse_speed(speed)
    settings = load_settings(config, {"asr": asr, "weights": weights})
    if file is None:
        devices = devices_of(microphone, camera)
        opening = opening_on(devices, inject, terms)
        live = RecordOptions(out, purpose, consent, retention_days, media, patient=False)
        with _recording(live) as recorder:
            play(LiveRun(settings, devices, opening, seconds, recorder), json_path)
        return
    request = ReplayRequest(file, settings, inject, pace, inproc, participant, terms=terms)
    options = RecordOptions(out, purpose, consent, retention_days, media, patient=pace is None)
    with _recording(options) as recorder, replay(request, recorder) as session:
        play(session, json_path)


def purge_command(
    folder: Annotated[Path, typer.Argument(help="Folder with sessions; those below it count.")],
    participant: Annotated[
        str | None, typer.Option(help="Delete all sessions of this participant.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Delete sessions past their --retention-days.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete recorded sessions, with copies of their media that Tacit put beside them.

    Exports and reports made from them are files of their own: delete those yourself.

    tacit purge sessions --participant p7

    tacit purge sessions --expired --yes
    """
    if (participant is None) == (not expired):
        raise ConfigError("say which sessions: either --participant ID or --expired")
    now = datetime.datetime.now(datetime.UTC)
    chosen: list[Found] = []
    unread = 0
    for found in sessions_in(folder):
        if found.facts is None:
            unread += 1
            typer.echo(f"not looked into: {found.problem}", err=True)
        elif found.facts.participant == participant or (expired and has_expired(found.facts, now)):
            chosen.append(found)
            typer.echo(f"{found.path}  {found.facts.participant}  {found.facts.created_utc}")
    if chosen and not yes:
        typer.confirm(f"Delete {len(chosen)} session(s) for good?", abort=True)
    for found in chosen:
        delete(found)
    typer.echo(f"{len(chosen)} session(s) deleted")
    if unread:
        raise typer.Exit(EXIT_UNREAD)


@contextmanager
def _recording(options: RecordOptions) -> Iterator[Recorder]:
    """Say that it records, and afterwards what became of it."""
    console = Console()
    recorder = Recorder(options)
    try:
        console.print(_indicator(recorder), highlight=False, soft_wrap=True)
        yield recorder
    finally:
        recorder.close()
        if not recorder.failure and options.path.exists():
            files = ", ".join(str(path) for path in recorder.paths)
            gaps = " (with gaps: the disk was full)" if len(recorder.paths) > 1 else ""
            console.print(
                f"recording ended: {files}, {recorder.size / 1e6:.2f} MB{gaps}",
                highlight=False,
                soft_wrap=True,
            )
    if recorder.media is not None:
        typer.echo(f"media: {media_line(recorder.media.counts(), recorder.lasted_ns)}")
    if recorder.failure:
        raise RecordingError(f"recording stopped early: {recorder.failure}")


def _indicator(recorder: Recorder) -> str:
    kept = "features and media" if recorder.options.media else "features only, no media"
    name = escape(str(recorder.options.path))
    return f"[bold red]● RECORDING[/] to {name} ({kept})"
