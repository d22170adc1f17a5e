from tacit.models.study.streams_summary import summarise
from tacit.models.study.streams_tables import MAIN, notes, tables
from tests.models.study.test_streams_summary import OURS, record
from tools.result_tables import as_markdown


def test_notes_say_which_line_is_met() -> None:
    better = notes(summarise([record(0, [1, 2]), record(0, [3])])["lost"], 1)
    assert any("given the past +20.0 [+20.0, +20.0], above" in line for line in better)
    worse = notes(summarise([record(0, [1, 2], ours=5), record(0, [3], ours=5)])["lost"], 1)
    assert any("given the past -10.0 [-10.0, -10.0], below" in line for line in worse)
    assert any("is itself" in line for line in worse) is False
    assert worse[0] == "1 seed; three are wanted."
    assert any("drop+KD +0.0 [+0.0, +0.0], no difference shown" in line for line in worse)


def test_the_version_before_is_told_with_its_figures() -> None:
    found = {"differences": {"mean": {MAIN: {"drop+KD": [0.002, -0.01, 0.03]}}}}
    earlier = {"what": "another way", "seeds": [0], "lost": {"audio": found}}
    lost = summarise([record(0, [1, 2]), record(0, [3])])["lost"]
    assert notes(lost, 1, earlier)[:-1] == notes(lost, 1)
    told = notes(lost, 1, earlier)[-1]
    assert "another way; 1 seed" in told
    assert "drop+KD +0.2 [-1.0, +3.0] where audio was lost" in told


def test_tables_are_such_as_the_page_lays_out() -> None:
    lost = summarise([record(0, [1, 2]), record(0, [3])])["lost"]
    shown = as_markdown({"tables": tables(lost)})
    assert "audio lost, 3 actors: UAR" in shown
    assert "| method | 0.5 s | 1 s | 2 s | whole | mean | NLL, mean |" in shown
    assert f"| {OURS} | 0.800 [0.800, 0.800] |" in shown
    assert "| drop | 40 [40, 40] |" in shown or "| drop | 40.0 [40.0, 40.0] |" in shown
