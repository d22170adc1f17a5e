import pytest
from rich.console import Console
from rich.progress import BarColumn

from tacit.pipeline.progress import BarView

pytestmark = pytest.mark.unit


def test_lines_stand_as_they_are_and_no_bar_is_drawn_without_a_terminal() -> None:
    console = Console(width=20)
    with console.capture() as seen, BarView(console, BarColumn()) as view:
        view.say("[bold]a name in brackets[/] 1234567890")
    assert seen.get() == "[bold]a name in brackets[/] 1234567890\n"


def test_a_terminal_gets_bars_that_end_with_the_work() -> None:
    console = Console(force_terminal=True, width=40)
    view = BarView(console, BarColumn(), speed_s=60.0)
    with console.capture(), view:
        assert view._bars.live.is_started
    assert not view._bars.live.is_started
