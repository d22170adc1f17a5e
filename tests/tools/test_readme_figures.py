import re
from pathlib import Path

import pytest

from tacit.models.manifest import SHIPPED, read_manifest
from tools.readme_figures import BEGIN, END, ROOT, fill, table


def test_the_readme_says_what_the_manifests_say() -> None:
    readme = (ROOT / "README.md").read_text()
    assert fill(readme, table()) == readme, "run: python tools/readme_figures.py"
    shown = re.findall(r"\| (0\.\d{3}) \|", readme)
    audio = read_manifest(SHIPPED / "audio").metrics["test.uar"]
    assert f"{audio:.3f}" in shown


def test_figures_go_between_their_marks_and_nowhere_else() -> None:
    assert fill(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="has no"):
        fill("a\nb", "new")


def test_the_readme_fits_two_screens_and_shows_a_picture() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 100
    for link in re.findall(r"\]\(([^)#]+)\)", readme):
        assert link.startswith("http") or (ROOT / link).exists(), link
    picture = Path(ROOT / "docs" / "images" / "replay.svg").read_text()
    assert "happiness" in picture
