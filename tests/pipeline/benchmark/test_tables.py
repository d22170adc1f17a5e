from typing import Any

from tacit.models.benchmark.protocols import ALL_RATES
from tacit.models.benchmark.scores import METRICS
from tacit.pipeline.benchmark.tables import (
    Table,
    as_html,
    as_markdown,
    cost_table,
    gaps_table,
    protocol_table,
    tables_of,
)


def summary(**changes: Any) -> dict[str, Any]:
    """A made-up summary of two models."""
    keys = ["fixed audio", "fixed audio+face", *(f"random {r:.1f}" for r in ALL_RATES)]
    keys += ["noise 10 dB", "auilc", "fixed, something lost"]

    def row(value: float) -> dict[str, Any]:
        figure = [value, value - 0.1, value + 0.1]
        return {
            "figures": {key: dict.fromkeys(METRICS, figure) for key in keys},
            "seed_spread": 0.01,
            "seeds": [0, 1],
            "parameters": 1234.0,
            "fit_s": 2.5,
            "latency_ms": 1.25,
        }

    return {
        "study": "mosi",
        "title": "Made <up>",
        "note": "A note.",
        "metric": "accuracy",
        "modalities": ["audio", "face"],
        "clusters": 7,
        "cluster": "videos",
        "samples": 90,
        "profile": "quick",
        "realised": {f"random {r:.1f}": r for r in ALL_RATES},
        "rows": {"mmin": row(0.5), "mine.Mine": row(0.6)},
        "tests": {"mmin": {"gap": [-0.1, -0.2, -0.01], "p": 0.001, "p_corrected": 0.002}},
    } | changes


def test_a_protocol_has_a_column_per_condition() -> None:
    table = protocol_table(summary(), "random")
    assert table is not None
    assert table.head == ("model", *(f"{r:.1f}" for r in ALL_RATES), "AUILC")
    assert table.rows[0] == ("MMIN", *["50.0"] * 8, "50.0 [40.0, 60.0]")
    assert table.rows[1][0] == "mine.Mine"
    assert "0.100, 0.200" in table.note
    assert protocol_table(summary(), "frames") is None
    fixed = protocol_table(summary(), "fixed")
    assert fixed is not None
    assert fixed.head[1:] == ("audio", "audio+face", "mean where something is lost")


def test_differences_say_which_way_when_they_are_sure() -> None:
    table = gaps_table(summary())
    assert table is not None
    assert table.rows == (("MMIN", "-10.0 [-20.0, -1.0]", "0.0010", "0.0020", "worse"),)
    assert gaps_table(summary(tests={})) is None


def test_costs_have_units() -> None:
    table = cost_table(summary())
    assert table.rows[0] == ("MMIN", "1,234", "2.5", "1.2")


def test_only_wanted_protocols_are_shown() -> None:
    titles = [table.title for table in tables_of(summary(), ("fixed",))]
    assert titles == ["accuracy (%) by what all samples keep", "Cost"]
    assert len(tables_of(summary())) == 6


def test_both_forms_hold_every_cell() -> None:
    table = Table("A < B", ("x", "y"), (("1", "<2>"),), "why")
    assert as_markdown(table) == "### A < B\n\n| x | y |\n|---|---|\n| 1 | <2> |\n\nwhy\n"
    page = as_html(table)
    assert "<h2>A &lt; B</h2>" in page
    assert "<td>&lt;2&gt;</td>" in page
    assert "<p>why</p>" in page
