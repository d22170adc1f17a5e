"""The `tacit` program."""

import json
import signal
import sys
from importlib import resources
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from ..models.errors import ModelError
from ..stream.errors import StreamError
from .annotations import AnnotationError
from .baseline import ProfileError
from .batch.inputs import BatchError
from .commands.annotations import annotations_app
from .commands.batch import batch_command
from .commands.bench import bench_recover_command, bench_replay_command
from .commands.bench_live import bench_live_command
from .commands.calibrate import calibrate_command
from .commands.devices import devices_command
from .commands.export import export_command
from .commands.live import live_command
from .commands.options import AsrOption, ConfigOption, JsonOption, WeightsOption
from .commands.play import play
from .commands.record import purge_command, record_command
from .commands.replay import replay_command, verify_replay_command
from .commands.report import report_command
from .commands.serve import serve_command
from .commands.train import train_command
from .config import ConfigError, load_settings
from .doctor import checkpoints, examine, summary
from .export.replacing import ExportError
from .feeds import StartError
from .inject import InjectError
from .plan import ReplayRequest
from .pull import PullError, pull
from .report.errors import ReportError
from .runner import replay
from .sessions import SessionError
from .sinks import SinkError
from .training.errors import TrainError

app = typer.Typer(
    name="tacit",
    help="Reads expressed emotion from face, voice and words, and says what it could measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="The models that ship with Tacit.", no_args_is_help=True)
app.add_typer(models_app, name="models")
bench_app = typer.Typer(help="Measure speed on this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
bench_app.command("replay")(bench_replay_command)
bench_app.command("recover")(bench_recover_command)
bench_app.command("live")(bench_live_command)
app.command("calibrate")(calibrate_command)
app.command("replay")(replay_command)
app.command("record")(record_command)
app.command("verify-replay")(verify_replay_command)
app.command("purge")(purge_command)
app.command("batch")(batch_command)
app.command("live")(live_command)
app.command("devices")(devices_command)
app.command("export")(export_command)
app.command("report")(report_command)
app.command("train")(train_command)
app.command("serve")(serve_command)
app.add_typer(annotations_app, name="annotations")

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130
MISTAKES: Final = (
    AnnotationError,
    BatchError,
    ConfigError,
    ExportError,
    InjectError,
    ModelError,
    ProfileError,
    PullError,
    ReportError,
    SessionError,
    SinkError,
    StartError,
    StreamError,
    TrainError,
)


@app.command()
def demo(json_path: JsonOption = None, config: ConfigOption = None) -> None:
    """Run the bundled sample, with its face frozen half way, to see what Tacit does."""
    settings = load_settings(config)
    with resources.as_file(SAMPLE) as path:
        request = ReplayRequest(media=path, settings=settings, inject=DEMO_DAMAGE)
        with replay(request) as session:
            play(session, json_path)


DEMO_DAMAGE: Final = "face:freeze@4-7"


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what this machine has for Tacit, what is missing, and how to get it.

    Exits with 1 when something is missing that Tacit cannot do without.
    """
    settings = load_settings(config, {"asr": asr, "weights": weights})
    findings = list(examine(settings))
    if as_json:
        typer.echo(json.dumps([_fields(f) for f in findings], indent=2))
    else:
        _print_findings(findings)
    if any(f.status == "missing" for f in findings):
        raise typer.Exit(1)


@models_app.command("info")
def models_info(weights: WeightsOption = None, config: ConfigOption = None) -> None:
    """Show the checkpoints in use: figures on test data, training data, licence, hash."""
    folder = load_settings(config, {"weights": weights}).weights
    console = Console()
    for kind in checkpoints(folder):
        table = Table(show_header=False, box=None, padding=(0, 2))
        for name, value in summary(kind, folder).items():
            table.add_row(name, value)
        console.print(table)
        console.print()
    console.print(f"Model cards: {folder}/*/card.md", soft_wrap=True)


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="For example whisper-base; needs the network.")],
) -> None:
    """Fetch Whisper weights for speech to text, and check their hashes."""
    pull(name, typer.echo)


def main() -> None:
    """Entry point: one line for every mistake of the user's, no traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # Without standalone mode, the status of typer.Exit is returned.
        status = app(standalone_mode=False)
    except MISTAKES as exc:
        _fail(str(exc))
    except typer.Exit as exc:
        sys.exit(exc.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as exc:
        if type(exc).__module__.split(".")[0] not in ("click", "typer"):
            raise
        _fail(_usage(exc))
    if isinstance(status, int):
        sys.exit(status)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _usage(error: Exception) -> str:
    message: Any = getattr(error, "format_message", lambda: str(error))()
    context: Any = getattr(error, "ctx", None)
    hint = f" (try: {context.command_path} --help)" if context is not None else ""
    return f"{message}{hint}"


def _fail(message: str) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"tacit: {line}\n")
    sys.exit(EXIT_BAD_INPUT)


def _fields(finding: Any) -> dict[str, str]:
    return {name: getattr(finding, name) for name in ("name", "status", "detail", "remedy")}


def _print_findings(findings: list[Any]) -> None:
    marks = {"ok": "[green]✔[/]", "optional": "[yellow]–[/]", "missing": "[red]✘[/]"}
    table = Table("", "what", "found", "to do", box=None, padding=(0, 2))
    for finding in findings:
        table.add_row(marks[finding.status], finding.name, finding.detail, finding.remedy)
    Console().print(table)


if __name__ == "__main__":
    main()
