import pytest

from tacit.pipeline.cli import app
from tacit.pipeline.pull import PullError

pytestmark = pytest.mark.unit


def test_info_shows_data_and_licences(capsys: pytest.CaptureFixture[str]) -> None:
    app(["models", "info"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "RAVDESS" in shown
    assert "CC BY-NC-SA" in shown
    assert "card.md" in shown


def test_an_unknown_model_is_refused_before_the_network_is_used() -> None:
    with pytest.raises(PullError, match="whisper-base"):
        app(["models", "pull", "no-such-model"], standalone_mode=False)
