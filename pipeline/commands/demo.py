"""`tacit demo`."""

import asyncio
import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Final

import typer

from ..config import Settings, load_settings
from ..consent import own_terms
from .options import ConfigOption, JsonOption

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"
DEMO_DAMAGE: Final = "face:freeze@4-7"
START: Final = "?demo"
"""Has the page begin with the sample by itself."""


def demo_command(
    json_path: JsonOption = None,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="Whether to open the page in a browser; without either, it is opened where there "
            "is a terminal and a display.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """See what Tacit does, on the bundled sample: a portrait that moves and a synthetic voice.

    Where a person sits at the machine (a terminal and a display), the page is opened in the
    browser: sensors can be broken there by hand, and your own camera and microphone tried. Ctrl-C
    stops it. Elsewhere, or with --json, the sample is read on the terminal with its face frozen
    half way, and that is all.

    [bold]Examples[/bold]

    tacit demo

    tacit demo --no-page --json events.jsonl
    """
    settings = load_settings(config)
    if page is None:
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        page = json_path is None and terminal and has_display(os.environ, sys.platform)
    if page:
        _show_page(settings)
        return
    # Not at the top: who wants the page need not wait for what replays, and the other way round.
    from ..plan import ReplayRequest
    from ..runner import replay
    from .play import play

    with resources.as_file(SAMPLE) as path:
        request = ReplayRequest(
            media=path, settings=settings, inject=DEMO_DAMAGE, terms=own_terms("p1", "demo")
        )
        with replay(request) as session:
            play(session, json_path)


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser that is opened here can be seen by whoever opened it.

    Args:
        environment: of the process.
        platform: as `sys.platform` has it.
    """
    if "SSH_CONNECTION" in environment and "DISPLAY" not in environment:
        return False
    if platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _show_page(settings: Settings) -> None:
    from ..server.desk import DeskOptions
    from ..server.run import OWN_TERMS, Address, serve

    def opened(url: str) -> None:
        typer.echo(f"Tacit: {url}   (Ctrl-C stops it)")
        # Some systems' browsers come back only when they are closed.
        threading.Thread(target=_browse, args=(url + START,), daemon=True).start()

    address = Address("127.0.0.1", 0, "", (), None, None)
    options = DeskOptions(own_terms=OWN_TERMS, local=True)
    asyncio.run(serve(settings, address, options, opened))


def _browse(url: str) -> None:
    if not webbrowser.open(url):
        typer.echo("No browser could be opened; open that address yourself.")
