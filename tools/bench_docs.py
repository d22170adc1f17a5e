"""Puts figures of this machine into docs/recording.md: `python tools/bench_docs.py REPORT.json`.

The report is what `tacit bench replay --json` printed.
"""

import argparse
import json
from pathlib import Path
from typing import Final

from tacit.pipeline.bench_recording import as_markdown

START: Final = "<!-- figures: made by tools/bench_docs.py -->"
END: Final = "<!-- end of figures -->"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "recording.md"


def with_figures(page: str, table: str) -> str:
    """The page with its figures replaced.

    Raises:
        ValueError: the page has no place for them.
    """
    head, start, rest = page.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end:
        raise ValueError(f"no place for figures: {START} ... {END}")
    return f"{head}{START}\n{table}\n{END}{tail}"


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="output of tacit bench replay --json")
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    PAGE.write_text(
        with_figures(PAGE.read_text(encoding="utf-8"), as_markdown(report)), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
