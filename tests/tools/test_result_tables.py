import json
from pathlib import Path

import pytest

from tools.result_tables import as_markdown, cell, folder, section, table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.71249, "0.712"),
        (12, "12"),
        (123.456, "123.5"),
        (None, "–"),
        ("a|b", "a\\|b"),
        ({"value": 0.5, "low": 0.4, "high": 0.61}, "0.500 [0.400, 0.610]"),
        ({"value": 1.25, "unit": "ms"}, "1.250 ms"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 1 cells, 2 wanted"):
        table(["a", "b"], [["x"]])


def test_the_common_form_keeps_its_order() -> None:
    shown = as_markdown(
        {
            "protocol": "How it was done.",
            "tables": [{"title": "T", "columns": ["a"], "rows": [[0.5]]}],
            "notes": ["not reached by .1"],
        }
    )
    assert shown == "How it was done.\n\n**T**\n\n| a |\n|---|\n| 0.500 |\n\n- not reached by .1"


def test_other_forms_become_tables_with_their_intervals() -> None:
    shown = as_markdown(
        {
            "seed": 3,
            "runs": [
                {"name": "first", "uar": 0.5, "uar_low": 0.4, "uar_high": 0.6},
                {"name": "second", "uar": 0.7, "uar_low": 0.6, "uar_high": 0.8, "extra": 1},
            ],
        }
    )
    assert "| seed | 3 |" in shown
    assert "**runs**" in shown
    assert "| first | 0.500 [0.400, 0.600] | – |" in shown


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert "Not measured yet: `results/a.json`" in section(tmp_path, "results/a.json")
    assert "Not measured yet" in folder(tmp_path, "results/b")


def test_a_folder_shows_all_its_files(tmp_path: Path) -> None:
    for name in ("two", "one"):
        path = tmp_path / "results" / "b" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"title": f"About {name}", "tables": []}))
    shown = folder(tmp_path, "results/b")
    assert shown.index("### About one") < shown.index("### About two")
    (tmp_path / "results" / "b" / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json: no JSON"):
        folder(tmp_path, "results/b")
