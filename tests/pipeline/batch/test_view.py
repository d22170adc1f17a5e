import io
from pathlib import Path

from rich.console import Console

from tacit.pipeline.batch.inputs import BatchInput
from tacit.pipeline.batch.parts import PartFacts
from tacit.pipeline.batch.reading import failed, succeeded
from tacit.pipeline.batch.view import BatchBar

INPUTS = [BatchInput(name=f"{n}[x].wav", path=Path(n)) for n in "ab"]


def shown(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None)
    with BatchBar(console) as bar:
        bar.begin(INPUTS)
        bar.share(INPUTS[0], 0.5)
        bar.ended(succeeded(INPUTS[0], PartFacts("f", "s", 1000, 2), "done"))
        bar.ended(failed(INPUTS[1], "broken [bold]"))
    return out.getvalue()


def test_failures_are_shown_as_they_are() -> None:
    assert shown(False) == "failed: b[x].wav: broken [bold]\n"


def test_the_bar_counts_inputs() -> None:
    text = shown(True)
    assert "2/2" in text
    assert "100 %" in text
    assert "1 failed" in text
    assert "failed: b[x].wav: broken [bold]" in text
