from typing import Any

import pytest

from tacit.models.study.baseline_tables import notes, tables
from tools.result_tables import as_markdown


def figures(share: float) -> dict[str, Any]:
    def one(uar: float, kept: float) -> dict[str, Any]:
        heard = {"0-4": [uar, 0.1, 0.9], "5-9": [uar, 0.1, 0.9]}
        return {"uar": [uar, 0.1, 0.9], "share": [kept, 0.1, 0.9], "heard": heard}

    names = ("declared, 3 clips", "running", "running, expressions in blocks", "declared + running")
    found = {name: one(0.5, share) for name in names}
    return {"figures": {"none": one(0.4, 0.0)} | found | {"transductive": one(0.6, 1.0)}}


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.51, "gain: reached by declared, 3 clips, running"), (0.49, "gain: not reached")],
)
def test_notes_say_whether_the_target_is_met(share: float, verdict: str) -> None:
    assert verdict in notes({"all actors": {"audio": figures(share)}})[0]


def test_tables_are_such_as_the_page_lays_out() -> None:
    splits = {"all actors": {"audio": figures(0.7), "face": figures(0.8)}}
    shown = as_markdown({"tables": tables(splits), "notes": notes(splits)})
    assert "| running | 0.500 [0.100, 0.900] | 0.700 [0.100, 0.900] | 0.500" in shown
    assert "| none | 0.400 [0.100, 0.900] | – |" in shown
    assert "| features | normalisation | 0-4 | 5-9 |" in shown
