"""`tacit annotations`: what people annotated beside what Tacit read."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..annotations import read_annotations
from ..comparison import Comparison, compare, pair
from ..export.replacing import ExportError
from ..sessions import load_session
from .export import ForceOption, SessionArgument

annotations_app = typer.Typer(help="Labels that people gave to a session.", no_args_is_help=True)


@annotations_app.callback()
def _group() -> None:
    """Keeps `compare` a command of its own as long as there is one only."""


@annotations_app.command("compare")
def compare_command(
    session: SessionArgument,
    labels: Annotated[
        Path,
        typer.Option(
            help="ELAN document, or table with start_ms,end_ms (or start,end in s) and "
            "label, valence or arousal."
        ),
    ],
    tier: Annotated[str | None, typer.Option(help="ELAN tier with the labels.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Picture to write: png, svg or pdf.")] = None,
    force: ForceOption = False,
) -> None:
    r"""Compare a session with labels that people gave: agreement, confusion, lag.

    Windows in which nothing was measured, or no emotion is claimed, are left out and counted.

    tacit annotations compare talk.mcap --labels talk.eaf --tier rater1 --plot talk.png
    """
    data = load_session(session)
    try:
        given = read_annotations(labels, tier)
        pairs = pair(data, given)
        found = compare(data, given, pairs)
        if plot is not None:
            from ..comparison_plot import plot as draw
            from ..comparison_plot import save

            save(draw(found, pairs), plot, force=force)
    except ModuleNotFoundError as exc:
        raise ExportError(f"needs the package {exc.name}: pip install 'tacit[research]'") from exc
    typer.echo(json.dumps(asdict(found), indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: Comparison) -> Iterator[str]:
    coverage = found.coverage
    yield (
        f"{coverage.annotated} of {coverage.windows} windows are annotated; of these "
        f"{coverage.absent:.0%} measured nothing and in {coverage.abstained:.0%} no emotion is "
        f"claimed (both left out), {coverage.recovered:.0%} lean on a recovered modality"
    )
    if found.unknown:
        named = ", ".join(f"{label} ({count})" for label, count in sorted(found.unknown.items()))
        yield f"labels that are none of the seven emotions, left out: {named}"
    if found.emotions is not None:
        agreed = found.emotions
        yield (
            f"emotions, {agreed.windows} windows: accuracy {agreed.accuracy:.3f}, kappa "
            f"{_figure(agreed.kappa)}, UAR {agreed.uar:.3f}, lag {_lag(agreed.lag_ms)}"
        )
    for name, trace in found.traces.items():
        yield (
            f"{name}, {trace.windows} windows: CCC {_figure(trace.ccc)}, r "
            f"{_figure(trace.correlation)}, mean error {trace.mean_error:.3f}, "
            f"lag {_lag(trace.lag_ms)}"
        )


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _lag(value: int | None) -> str:
    return "unknown" if value is None else f"{value:+d} ms"
