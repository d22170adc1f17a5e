"""`tacit report`."""

from pathlib import Path
from typing import Annotated

import typer

from ..config import load_settings
from ..report.errors import ReportError
from ..report.figures import save_figure, timeline_figure, valence_arousal_figure
from ..report.page import ReportOptions, write_report
from ..report.participants import Participant, hop_ms, participants
from ..sessions import SessionData, load_session
from .options import ConfigOption, WeightsOption


def report_command(
    session: Annotated[
        Path, typer.Argument(help="Recorded session (.mcap), or its events (.jsonl).")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page to write; else SESSION.html beside the session."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Write the timeline as .svg, .png or .pdf for a paper instead."),
    ] = None,
    plane: Annotated[
        Path | None,
        typer.Option(help="Write valence against arousal as .svg, .png or .pdf instead."),
    ] = None,
    participant: Annotated[
        str | None, typer.Option(help="Whose figure; else the first participant's.")
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Recording to play, where the session names none.")
    ] = None,
    embed_media: Annotated[
        bool, typer.Option("--embed-media", help="Put the recording into the page (to 64 MB).")
    ] = False,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Show a session as one page that needs no network, or as figures for papers.

    tacit report talk.mcap -o report.html

    tacit report talk.mcap --figure timeline.svg
    """
    data = load_session(session)
    for path, draw in ((figure, timeline_figure), (plane, valence_arousal_figure)):
        if path is not None:
            save_figure(draw(_chosen(data, participant), hop_ms(data)), path)
            typer.echo(str(path))
    if (figure is None and plane is None) or out is not None:
        page = out or session.with_suffix(".html")
        folder = load_settings(config, {"weights": weights}).weights
        write_report(data, page, ReportOptions(media, embed_media, folder))
        typer.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB")


def _chosen(session: SessionData, name: str | None) -> Participant:
    """Whose figure to draw: the first one who was read, unless named."""
    people = {p.name: p for p in participants(session) if p.results}
    chosen = people.get(name) if name is not None else next(iter(people.values()), None)
    if chosen is None:
        known = ", ".join(people) or "nobody"
        raise ReportError(f"{session.path}: no results of {name or 'anybody'}; read was: {known}")
    return chosen
