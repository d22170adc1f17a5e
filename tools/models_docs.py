"""Makes docs/models.md and its plots from result files: `python tools/models_docs.py`.

Every figure of the page comes from a file under results/; nothing on it is typed by hand. A file
that is missing gives a line that says so.
"""

import argparse
from pathlib import Path
from typing import Final

from tools.models_page import page
from tools.models_plots import plots

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "models.md"


def main() -> None:
    """Rewrite the page, and the plots unless told not to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-plots", action="store_true", help="leave docs/figures alone")
    if not parser.parse_args().no_plots:
        plots(ROOT / "results", ROOT / "docs" / "figures")
    PAGE.write_text(page(ROOT), encoding="utf-8")


if __name__ == "__main__":
    main()
