"""What `tacit serve` refuses before anything is loaded."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.pipeline.cli import app
from tacit.pipeline.config import ConfigError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "must be encrypted"),
        (["--host", "example.org", "--token", "x"], "must be encrypted"),
        (["--tls-cert", "c.pem"], "give both or none"),
    ],
)
def test_what_would_be_unsafe_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "c.pem"
    wrong.write_text("no certificate")
    given = ["--host", "0.0.0.0", "--tls-cert", str(wrong), "--tls-key", str(wrong)]
    result = CliRunner().invoke(app, ["serve", *given])
    assert isinstance(result.exception, ConfigError)
    assert str(wrong) in str(result.exception)


def test_serve_is_explained() -> None:
    result = CliRunner().invoke(app, ["serve", "--help"])
    assert result.exit_code == 0
    for option in ("--host", "--port", "--origin", "--token"):
        assert option in result.output
