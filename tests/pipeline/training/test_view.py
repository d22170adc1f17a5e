from rich.console import Console

from tacit.pipeline.training.curves import point_of
from tacit.pipeline.training.ledger import Finished
from tacit.pipeline.training.view import TrainView


def test_lines_figures_and_notes_are_shown() -> None:
    console = Console(width=200)
    done = Finished("text", "", {"text/model": "0"}, {"valid.macro_f1": 0.6123, "test.x": 0.1}, 3.2)
    with console.capture() as seen, TrainView(console) as view:
        view.begin("text", 1, 2)
        line = "epoch 1/4: valid macro-F1 0.6 [odd]"
        view.line("text", line, point_of(line))
        view.end("text", "trained", done)
        view.begin("fusion", 2, 2)
        view.end("fusion", "kept", done)
        view.note("no pictures")
    text = seen.get()
    assert "text: epoch 1/4: valid macro-F1 0.6 [odd]" in text
    assert "text: done in 3 s; valid.macro_f1 0.612" in text
    assert "test.x" not in text
    assert "fusion: already done" in text
    assert "no pictures" in text
