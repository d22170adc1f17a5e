import json

import pytest

from tacit.pipeline.cli import app

pytestmark = pytest.mark.unit


def test_findings_come_as_json_and_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    app(["doctor", "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert {"name", "status", "detail", "remedy"} == set(found[0])
    names = [each["name"] for each in found]
    assert "model fusion" in names
    app(["doctor"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "torch" in shown
    assert "✔" in shown
