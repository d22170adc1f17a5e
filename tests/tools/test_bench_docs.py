import pytest

from tools.bench_docs import END, PAGE, START, with_figures


def test_only_the_figures_of_the_page_change() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert with_figures(page, "| new |") == f"before\n{START}\n| new |\n{END}\nafter\n"


def test_the_page_has_its_place() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "| new |" in with_figures(page, "| new |")
    with pytest.raises(ValueError, match="no place"):
        with_figures("nothing here", "| new |")
