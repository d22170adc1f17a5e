from pathlib import Path

from tools.models_docs import ROOT
from tools.models_summary import method_means, named, summary


def test_the_page_is_short_and_names_what_is_missing(tmp_path: Path) -> None:
    empty = summary(tmp_path)
    assert empty.count("Not measured yet") >= 7
    full = summary(ROOT)
    assert len(full.splitlines()) < 400
    assert full.index("Asked for and reached") < full.index("## Encoders")
    assert "| audio+text\\|face |" in full


def test_means_go_over_the_gaps_of_one_kind_and_take_the_most_samples() -> None:
    def rows(accuracy: float) -> list[dict[str, object]]:
        return [
            {"method": "student@1", "samples": 1, "accuracy": 0.0, "nll": 9.0},
            {"method": "student@1", "samples": 32, "accuracy": accuracy, "nll": 1.0, "ece": 0.05},
        ]

    gaps = {
        "a|b, with past": rows(0.5), "b|a, with past": rows(0.7), "a|b, without past": rows(0.25),
    }  # fmt: skip
    (line,) = [k for k in method_means(gaps).splitlines() if k.startswith("| student@1 ")]
    assert line == "| student@1 | 0.600 | 1 | 0.250 | 1 | 0.050 |"


def test_cross_validation_goes_with_the_name() -> None:
    uar = {"value": 0.5, "low": 0.4, "high": 0.6}
    approach = {"name": "x", "note": "n", "cv": {"folds": 1, "uar": uar}, "cv_all": None}
    assert named(approach) == (
        "x; n; cross-validation without the test actors, 1 fold: UAR 0.500 [0.400, 0.600]"
    )
