import io

from rich.console import Console

from tacit.pipeline.benchmark.view import BenchmarkView


def test_lines_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    with BenchmarkView(Console(file=text)) as view:
        view.begin(0, 3)
        view.line("mosi drop", 1)
        view.begin(1, 3)
    assert text.getvalue().splitlines() == [
        "3 cells", "1: mosi drop", "1 of 3 cells are finished already",
    ]  # fmt: skip


def test_a_bar_with_the_time_left_on_a_terminal() -> None:
    text = io.StringIO()
    with BenchmarkView(Console(file=text, force_terminal=True, width=100)) as view:
        view.begin(0, 2)
        view.line("mosi drop", 2)
    assert "2/2" in text.getvalue()
    assert "left" in text.getvalue()
