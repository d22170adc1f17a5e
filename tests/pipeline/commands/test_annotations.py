import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tacit.pipeline.annotations import AnnotationError
from tacit.pipeline.commands.annotations import annotations_app
from tests.fakes.finished import typical, write_events

app = typer.Typer()
app.add_typer(annotations_app, name="annotations")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    session = write_events(typical(), tmp_path / "talk.jsonl")
    labels = tmp_path / "labels.csv"
    labels.write_text("start,end,label,valence\n0,3.5,joy,0.4\n3.5,5.5,angry,0.1\n6,7,bored,\n")
    return ["annotations", "compare", str(session), "--labels", str(labels)]


def test_the_comparison_is_said_in_words(words: list[str]) -> None:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "6 of 6 windows are annotated; of these 17% measured nothing" in done.stdout
    assert "17% lean on a recovered modality" in done.stdout
    assert "left out: bored (1)" in done.stdout
    assert "emotions, 5 windows: accuracy 0.400, kappa 0.211, UAR 0.625" in done.stdout
    assert "lag unknown" in done.stdout


def test_json_and_plot(words: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    done = CliRunner().invoke(
        app, [*words, "--json", "--plot", str(picture)], catch_exceptions=False
    )
    found = json.loads(done.stdout)
    assert found["emotions"]["windows"] == 5
    assert found["coverage"]["modalities"] == {
        "audio": pytest.approx(5 / 6),
        "face": pytest.approx(4 / 6),
        "text": 0,
    }
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_bad_label_file_is_a_mistake_with_its_line(words: list[str]) -> None:
    Path(words[-1]).write_text("start,end,label\n0,x,joy\n")
    with pytest.raises(AnnotationError, match=r"labels\.csv, line 2: end is 'x'"):
        CliRunner().invoke(app, words, catch_exceptions=False)
