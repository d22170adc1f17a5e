import pytest

from tools.models_docs import DOCS, ROOT
from tools.models_page import page
from tools.models_summary import DETAILS, summary


def test_the_pages_say_what_the_result_files_say() -> None:
    told = "run: python -m tools.models_docs"
    assert (DOCS / "models.md").read_text(encoding="utf-8") == summary(ROOT), told
    assert (DOCS / DETAILS).read_text(encoding="utf-8") == page(ROOT), told


@pytest.mark.parametrize("name", ["models.md", DETAILS])
def test_every_plot_on_a_page_is_there(name: str) -> None:
    shown = (DOCS / name).read_text(encoding="utf-8")
    linked = [part.partition(")")[0] for part in shown.split("](")[1:]]
    plots = [link for link in linked if link.endswith(".svg")]
    assert plots
    assert all((DOCS / link).is_file() for link in plots)
