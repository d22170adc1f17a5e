"""The `tacit` program."""

import signal
import sys
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer

from ..models.errors import ModelError
from ..stream.errors import StreamError
from .commands.lazy import Deferred, deferred_app
from .errors import UserError

COMMANDS: Final = {
    "demo": Deferred(
        "demo",
        "demo_command",
        "See what Tacit does, on the bundled sample: a portrait that moves and a synthetic voice.",
    ),
    "live": Deferred(
        "live",
        "live_command",
        "Read the expressed emotion from this machine's microphone and camera, on the terminal.",
    ),
    "serve": Deferred(
        "serve", "serve_command", "Serve the page, WebRTC ingest and events, until Ctrl-C."
    ),
    "replay": Deferred("replay", "replay_command", "Read a recording, window by window."),
    "inject": Deferred(
        "inject",
        "inject_command",
        "Break a sensor on purpose, and measure how soon that is noticed and over.",
    ),
    "record": Deferred(
        "record",
        "record_command",
        "Keep a session, live or from a file: features, sensor health, words and results.",
    ),
    "verify-replay": Deferred(
        "replay",
        "verify_replay_command",
        "Replay a session and check that its events come out again, byte for byte but for latency.",
    ),
    "report": Deferred(
        "report",
        "report_command",
        "Show a session as one page that needs no network, or as figures for papers.",
    ),
    "export": Deferred(
        "export",
        "export_command",
        "Write a session for other programs: tables, text tracks, ELAN.",
    ),
    "annotations": Deferred(
        "annotations", "annotations_app", "Labels that people gave to a session."
    ),
    "batch": Deferred(
        "batch", "batch_command", "Read many recordings and sessions into one Parquet data set."
    ),
    "benchmark": Deferred(
        "benchmark",
        "benchmark_app",
        "Compare models on a data set under missing and damaged modalities.",
    ),
    "purge": Deferred(
        "record",
        "purge_command",
        "Delete recorded sessions, with copies of their media that Tacit put beside them.",
    ),
    "calibrate": Deferred(
        "calibrate",
        "calibrate_command",
        "Learn what is usual for one person, from about ten neutral seconds.",
    ),
    "devices": Deferred(
        "devices",
        "devices_command",
        "List the microphones and cameras of this machine by the names that other commands take.",
    ),
    "doctor": Deferred(
        "doctor",
        "doctor_command",
        "Say what this machine has for Tacit, what is missing, and how to get it.",
    ),
    "models": Deferred("models", "models_app", "The models that ship with Tacit."),
    "train": Deferred(
        "train",
        "train_command",
        "Train all models from the data sets, or fine-tune on clips of your own.",
    ),
}
BENCH: Final = {
    "replay": Deferred(
        "bench",
        "bench_replay_command",
        "Speed of replay from media and from features, size of a session file, growth of memory.",
    ),
    "recover": Deferred(
        "bench",
        "bench_recover_command",
        "Time to recover what is lost in one window and to read it, beside the 50-step teacher.",
    ),
    "live": Deferred(
        "bench_live",
        "bench_live_command",
        "Latency of each step of a live result, from the end of its window to its event.",
    ),
}
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130
MISTAKES: Final = (ModelError, StreamError, UserError)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tacit {version('tacit')}")
        raise typer.Exit


app = deferred_app(
    "tacit",
    "Reads expressed emotion from face, voice and words, and says what it could measure.",
    COMMANDS,
)


@app.callback()
def program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="Say the version and exit."
        ),
    ] = False,
) -> None:
    """Takes the options of the program itself."""


app.add_typer(deferred_app("bench", "Measure speed on this machine.", BENCH))


def main() -> None:
    """Entry point: one line for every mistake of the user's, no traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # Without standalone mode, the status of an exit is returned or raised.
        status = app(standalone_mode=False)
    except MISTAKES as exc:
        _fail(str(exc))
    except KeyboardInterrupt:
        _interrupted()
    except Exception as exc:
        if type(exc).__module__.split(".")[0] not in ("click", "typer"):
            raise
        _end_by(exc)
    if isinstance(status, int):
        sys.exit(status)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _interrupted() -> None:
    sys.stderr.write("interrupted\n")
    sys.exit(EXIT_INTERRUPTED)


def _end_by(error: Exception) -> None:
    """Take what typer raises to end a command, and its complaints about the command line."""
    if isinstance(error, typer.Exit):
        sys.exit(error.exit_code)
    if isinstance(error, typer.Abort):
        _interrupted()
    _fail(_usage(error))


def _usage(error: Exception) -> str:
    message: Any = getattr(error, "format_message", lambda: str(error))()
    context: Any = getattr(error, "ctx", None)
    hint = f" (try: {context.command_path} --help)" if context is not None else ""
    return f"{message}{hint}"


def _fail(message: str) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"tacit: {line}\n")
    sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main()
