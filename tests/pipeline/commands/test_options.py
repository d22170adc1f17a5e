import pytest

from tacit.pipeline.commands.options import parse_speed
from tacit.pipeline.config import ConfigError


def test_speeds_are_read() -> None:
    assert parse_speed("max") is None
    assert parse_speed("1") == 1.0
    assert parse_speed("0.5") == 0.5


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", "1000", ""])
def test_other_speeds_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--speed"):
        parse_speed(text)
