"""Writes the figures and the picture of the README from the shipped manifests and a real replay.

    python tools/readme_figures.py

The table is made from `models/weights/*/manifest.json`, the picture from a replay of the bundled
sample, so that neither can say what was not measured.
"""

import io
from importlib import resources
from pathlib import Path
from typing import Final

from rich.console import Console

from tacit.models.manifest import SHIPPED, read_manifest
from tacit.pipeline.commands.demo import DEMO_DAMAGE
from tacit.pipeline.config import load_settings
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.runner import replay
from tacit.pipeline.terminal import LiveView

ROOT: Final = Path(__file__).resolve().parent.parent
BEGIN: Final = "<!-- figures: tools/readme_figures.py -->"
END: Final = "<!-- /figures -->"
FROZEN_AT_MS: Final = 5500

ROWS: Final = (
    ("face", "accuracy", "Face, FER+ test, 7 classes, majority > 50 %, found or not: accuracy"),
    ("face", "uar", "the same: unweighted average recall (UAR)"),
    ("audio", "uar", "Voice, RAVDESS actors 17–20, 7 classes: UAR"),
    ("text", "macro_f1", "Words, GoEmotions-Ekman test: macro-F1"),
)


def table(weights: Path = SHIPPED) -> str:
    """The Markdown table of test figures, with 95 % intervals where the manifest has them.

    Args:
        weights: folder of the checkpoints.
    """
    lines = ["| what | figure | 95 % interval |", "|---|---|---|"]
    for kind, name, words in ROWS:
        metrics = read_manifest(weights / kind).metrics
        low, high = (metrics.get(f"test.{name}_{end}") for end in ("low", "high"))
        span = "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        lines.append(f"| {words} | {metrics[f'test.{name}']:.3f} | {span} |")
    return "\n".join(lines)


def fill(readme: str, figures: str) -> str:
    """The README with the figures between their marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the README has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def picture(path: Path) -> None:
    """Save what the terminal shows while the sample's face is frozen, as SVG."""
    console = Console(record=True, force_terminal=True, width=88, file=io.StringIO())
    sample = resources.files("tacit.pipeline") / "assets" / "sample.mp4"
    settings = load_settings(overrides={"asr": "off"}, environ={})
    with (
        resources.as_file(sample) as media,
        replay(ReplayRequest(media, settings, DEMO_DAMAGE, inline=True)) as session,
    ):
        view = LiveView(Console(file=io.StringIO(), force_terminal=True), session.duration_ms)
        for event in session:
            view.write(event)
            fields = event.model_dump(mode="json")
            window = fields.get("window")
            if window is not None and window["end_ms"] == FROZEN_AT_MS:
                console.print(view.picture())
        view.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(path), title="tacit replay")


def main() -> None:
    """Rewrite the table and the picture."""
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text(), table()))
    picture(ROOT / "docs" / "images" / "replay.svg")


if __name__ == "__main__":
    main()
