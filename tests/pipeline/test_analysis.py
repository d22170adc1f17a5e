import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.pipeline.analysis import Analysis, analyze
from tacit.pipeline.config import load_settings
from tacit.pipeline.events import Event
from tacit.pipeline.report.errors import ReportError
from tests.conftest import ROOT
from tests.fakes.finished import finished, ready, result, typical, write_events
from tests.fakes.long_session import long_session


def analysis() -> Analysis:
    session = typical()
    return Analysis(session.path, session.events)


def test_each_window_comes_once_with_its_latest_reading() -> None:
    found = list(analysis())
    assert [r.window.end_ms for r in found] == [3000, 3500, 4000, 4500, 5000, 5500]
    assert [r.top for r in found[:3]] == ["happiness", "neutral", "sadness"]
    assert found[1].event.revision == 1


def test_an_abstaining_window_claims_nothing() -> None:
    nothing = list(analysis())[3]
    assert nothing.abstained
    assert nothing.top is None
    assert (nothing.valence, nothing.arousal, nothing.confidence) == (None, None, None)
    assert nothing.probabilities is None
    assert nothing.measured == ()


def test_a_recovered_modality_does_not_count_as_measured() -> None:
    assert list(analysis())[2].measured == ("audio",)


def test_windows_are_given_while_the_recording_is_still_read() -> None:
    taken = 0

    def counted() -> Iterator[Event]:
        nonlocal taken
        for event in long_session(60).events:
            taken += 1
            yield event

    results = iter(Analysis(Path("talk.mp4"), counted()))
    first = next(results)
    assert first.window.end_ms == 500
    assert taken < 60
    assert len([first, *results]) == 120


def test_a_revision_that_comes_late_is_not_kept_back() -> None:
    late = [result(t) for t in range(0, 9000, 500)] + [result(0, "fear", revision=1)]
    found = list(Analysis(Path("x"), finished([ready(), *late]).events))
    assert [r.top for r in found if r.window.start_ms == 0] == ["happiness", "fear"]


def test_two_loops_give_the_same() -> None:
    twice = analysis()
    next(iter(twice))
    assert list(twice) == list(twice)
    assert len(twice.session.results) == 6


def test_the_table_has_a_row_per_window_modality_and_name() -> None:
    pytest.importorskip("pandas", reason="needs the extra research")
    table = analysis().to_dataframe()
    assert len(table) == 6 * (10 + 3 * 7)
    face = table[(table.modality == "face") & (table.name == "anger")]
    assert list(face.source).count("recovered") == 1
    assert table[table.source == "absent"].value.isna().all()


def test_plots_are_figures() -> None:
    pytest.importorskip("matplotlib", reason="needs the extra research")
    assert len(analysis().plot_timeline().axes) == 10
    assert analysis().plot_valence_arousal().axes
    with pytest.raises(ReportError, match="nobody"):
        analysis().plot_timeline("nobody")


def test_a_session_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write_events(typical(), tmp_path / "talk.jsonl")
    assert [r.top for r in analyze(path)] == [r.top for r in analysis()]


@pytest.mark.process
def test_the_interface_is_loaded_only_when_asked_for() -> None:
    code = (
        "import sys, tacit.pipeline as p; assert 'torch' not in sys.modules;"
        "assert 'tacit.pipeline.analysis' not in sys.modules; p.analyze;"
        "assert 'tacit.pipeline.analysis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


@pytest.mark.media
@pytest.mark.timeout(180)
def test_the_example_reads_the_sample(
    tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="needs the extra research")
    place = ROOT / "examples" / "analyze_clip.py"
    spec = importlib.util.spec_from_file_location("analyze_clip", place)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    settings = load_settings(overrides={"asr": "off"}, environ={})
    example.main(sample, tmp_path / "out", "face:freeze@4-7", settings)
    lines = capsys.readouterr().out.splitlines()
    assert sum("from audio, face" in line for line in lines) >= 12
    assert any(line.endswith("from audio") for line in lines)
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == {"clip.csv", "timeline.svg", "valence_arousal.svg"}
