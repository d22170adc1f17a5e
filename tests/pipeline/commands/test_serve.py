"""What `tacit serve` refuses before anything is loaded."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacit.pipeline.cli import app
from tacit.pipeline.commands.serve import is_loopback
from tacit.pipeline.config import ConfigError
from tacit.pipeline.server import run
from tacit.pipeline.server.desk import DeskOptions


def test_only_this_machine_is_this_machine() -> None:
    assert all(is_loopback(h) for h in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(h) for h in ("0.0.0.0", "192.0.2.1", "example.org", "::"))


def test_media_need_a_folder() -> None:
    result = CliRunner().invoke(app, ["serve", "--record-media"])
    assert isinstance(result.exception, ConfigError)
    assert "--record-dir" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "local"), [([], True), (["--behind-proxy"], False)], ids=["bare", "proxy"]
)
def test_what_a_proxy_passes_on_is_not_taken_for_local(
    arguments: list[str], local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[run.Address, DeskOptions]] = []

    async def serve(
        _settings: object, address: run.Address, options: DeskOptions, _say: object
    ) -> None:
        given.append((address, options))

    monkeypatch.setattr(run, "serve", serve)
    result = CliRunner().invoke(app, ["serve", *arguments, "--camera", "http://cam/x.mjpg"])
    assert result.exception is None
    ((address, options),) = given
    assert (options.local, bool(options.own_terms), address.token == "") == (local, local, local)
    assert options.cameras == ("http://cam/x.mjpg",)


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
