"""`tacit demo`."""

from importlib import resources
from typing import Final

from ..config import load_settings
from ..plan import ReplayRequest
from ..runner import replay
from .options import ConfigOption, JsonOption
from .play import play

SAMPLE: Final = resources.files("tacit.pipeline") / "assets" / "sample.mp4"
DEMO_DAMAGE: Final = "face:freeze@4-7"


def demo_command(json_path: JsonOption = None, config: ConfigOption = None) -> None:
    """Run the bundled sample, with its face frozen half way, to see what Tacit does."""
    settings = load_settings(config)
    with resources.as_file(SAMPLE) as path:
        request = ReplayRequest(media=path, settings=settings, inject=DEMO_DAMAGE)
        with replay(request) as session:
            play(session, json_path)
