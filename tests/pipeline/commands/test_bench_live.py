from typer.testing import CliRunner

from tacit.pipeline.cli import app


def test_the_length_of_a_bench_has_bounds() -> None:
    result = CliRunner().invoke(app, ["bench", "live", "--seconds", "1"])
    assert result.exit_code == 2


def test_bench_live_is_explained() -> None:
    result = CliRunner().invoke(app, ["bench", "live", "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
