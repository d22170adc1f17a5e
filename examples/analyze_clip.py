"""Reads a clip with Tacit's Python interface: results, table and figures.

    python examples/analyze_clip.py [CLIP] [FOLDER]

Without a clip, the sample that comes with Tacit is read, with its face frozen for a while.
"""

import sys
from importlib import resources
from pathlib import Path

from tacit.pipeline import analyze
from tacit.pipeline.config import Settings
from tacit.pipeline.report.figures import save_figure

SAMPLE = Path(str(resources.files("tacit.pipeline") / "assets" / "sample.mp4"))


def main(clip: Path, folder: Path, inject: str, settings: Settings | None = None) -> None:
    """Read a clip, print its windows, and write a table and two figures."""
    analysis = analyze(clip, inject=inject, settings=settings)
    for result in analysis:
        measured = ", ".join(result.measured) or "nothing"
        print(
            f"{result.window.end_ms / 1000:5.1f} s  {result.top or 'no claim':9}  from {measured}"
        )

    table = analysis.to_dataframe()
    face = table[(table.modality == "face") & (table.source == "measured")]
    print("\nMean probabilities of the face alone, where it was measured:")
    print(face.groupby("name", sort=False).value.mean().round(2).to_string())

    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "clip.csv", index=False)
    save_figure(analysis.plot_timeline(), folder / "timeline.svg")
    save_figure(analysis.plot_valence_arousal(), folder / "valence_arousal.svg")
    print(f"\nwrote clip.csv, timeline.svg and valence_arousal.svg to {folder}")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(
        clip=Path(words[0]) if words else SAMPLE,
        folder=Path(words[1]) if len(words) > 1 else Path("analysis"),
        inject="" if words else "face:freeze@4-7",
    )
