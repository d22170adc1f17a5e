"""`tacit export` and `tacit annotations`."""

from pathlib import Path
from typing import Annotated

import typer

from ..export.formats import FORMATS, export
from ..sessions import load_session

SessionArgument = Annotated[
    Path, typer.Argument(help="Recorded session (.mcap), or its events (.jsonl).")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]


def export_command(
    session: SessionArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    to: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(FORMATS)}; else what the file's name ends with."),
    ] = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="For vtt: text to be read in place of JSON.")
    ] = False,
    force: ForceOption = False,
) -> None:
    """Write a session for other programs: tables, text tracks, ELAN.

    Values that were recovered or not measured are marked as such in every format.

    tacit export talk.mcap -o talk.parquet

    tacit export talk.mcap --to vtt --captions -o talk.vtt
    """
    written = export(load_session(session), out, to, captions=captions, force=force)
    typer.echo(f"{written.path}: {written.count} {written.unit}")
