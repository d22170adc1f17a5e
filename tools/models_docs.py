"""Makes docs/models.md, docs/models-details.md and their plots: `python -m tools.models_docs`.

Every figure of the pages comes from a file under results/; nothing on them is typed by hand. A file
that is missing gives a line that says so.
"""

import argparse
from pathlib import Path
from typing import Final

from tools.models_page import page
from tools.models_plots import plots
from tools.models_summary import DETAILS, summary

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"


def main() -> None:
    """Rewrite the pages, and the plots unless told not to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-plots", action="store_true", help="leave docs/figures alone")
    if not parser.parse_args().no_plots:
        plots(ROOT / "results", DOCS / "figures")
    (DOCS / "models.md").write_text(summary(ROOT), encoding="utf-8")
    (DOCS / DETAILS).write_text(page(ROOT), encoding="utf-8")


if __name__ == "__main__":
    main()
