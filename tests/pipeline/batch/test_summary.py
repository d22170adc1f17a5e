import json
from pathlib import Path

from tacit.pipeline.batch.reading import Outcome
from tacit.pipeline.batch.recipe import Recipe
from tacit.pipeline.batch.summary import FailureList, Summary, summarize, write_summary
from tacit.pipeline.config import Settings

RECIPE = Recipe(settings=Settings(asr="off"), model_sha256="cafe", version="1")
RUN = {"took_s": 2.0, "engine": "local", "jobs": 2, "other_parts": 0}


def outcome(name: str, status: str = "done", **fields: object) -> Outcome:
    known = {"id": f"{name}-1", "input": name, "participant": "p1", "status": status}
    return Outcome.model_validate(known | fields)


def summary(*outcomes: Outcome, inputs: int = 3) -> Summary:
    return summarize(outcomes, inputs, RECIPE, RUN)


def test_counts_and_durations() -> None:
    found = summary(
        outcome("c", duration_ms=4000, windows=8),
        outcome("a", "kept", duration_ms=1000, windows=2),
        outcome("b", "failed", error="broken"),
    )
    assert (found.done, found.kept, found.failed, found.succeeded) == (1, 1, 1, 2)
    assert (found.media_s, found.windows, found.times_real_time) == (5.0, 10, 2.0)
    assert found.complete
    assert [o.input for o in found.outcomes] == ["a", "b", "c"]


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    write_summary(tmp_path, summary(outcome("a")))
    assert json.loads((tmp_path / "summary.json").read_text())["complete"] is False
    assert "3, interrupted" in (tmp_path / "summary.md").read_text()


def test_failures_are_listed_as_they_happen_and_by_name_at_the_end(tmp_path: Path) -> None:
    failures = [outcome(n, "failed", error=f"{n} | is broken") for n in ("b", "a")]
    listed = FailureList(tmp_path)
    for found in failures:
        listed.add(found)
    listed.close()
    lines = (tmp_path / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line)["input"] for line in lines] == ["b", "a"]
    write_summary(tmp_path, summary(*failures, outcome("c", problems=["cut off"])))
    lines = (tmp_path / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line)["input"] for line in lines] == ["a", "b"]
    text = (tmp_path / "summary.md").read_text()
    assert "| a | a \\| is broken |" in text
    assert "| c | cut off |" in text
    assert "`cafe`" in text


def test_a_long_list_is_cut_in_the_page_only(tmp_path: Path) -> None:
    many = [outcome(f"{k:03}", "failed", error="x") for k in range(130)]
    write_summary(tmp_path, summary(*many, inputs=130))
    assert "and 30 more" in (tmp_path / "summary.md").read_text()
    assert len((tmp_path / "failures.jsonl").read_text().splitlines()) == 130


def test_a_summary_can_be_read_back(tmp_path: Path) -> None:
    written = summary(outcome("a", windows=3))
    write_summary(tmp_path, written)
    assert Summary.model_validate_json((tmp_path / "summary.json").read_text()) == written
