import json
from pathlib import Path

import pytest

from tacit.models.errors import ModelError
from tacit.models.study.cells import Job
from tacit.pipeline.benchmark.errors import BenchmarkError
from tacit.pipeline.benchmark.plan import (
    SETTINGS,
    Request,
    check_words,
    open_folder,
    own_build,
    own_name,
)

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "add_a_model.py"


def request(out: Path, **changes: object) -> Request:
    """Something small."""
    fields = {
        "data": "mmsa", "root": "x.pkl", "models": "drop,mmin", "protocol": "random",
        "profile": "quick", "seeds": 2, "jobs": 1, "out": str(out), "cache": str(out / "cache"),
    }  # fmt: skip
    return Request(**(fields | changes))  # type: ignore[arg-type]


def test_a_request_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    asked = request(tmp_path, training="per-rate")
    assert Request.from_json(asked.to_json()) == asked


def test_jobs_are_seeds_folds_and_rates(tmp_path: Path) -> None:
    assert request(tmp_path).jobs_of() == [
        (Job("mmsa", 1.0, 0, 0), None),
        (Job("mmsa", 1.0, 1, 0), None),
    ]
    assert len(request(tmp_path, data="ravdess", profile="full").jobs_of()) == 10
    each = request(tmp_path, training="per-rate", seeds=1).jobs_of()
    assert [(job.study, rate) for job, rate in each][:2] == [("mmsa@0.0", 0.0), ("mmsa@0.1", 0.1)]
    assert len(each) == 8


def test_ones_own_model_is_named_and_built(tmp_path: Path) -> None:
    word = f"{EXAMPLE}:NearestMean"
    assert request(tmp_path, models=f"drop,{word}").names() == ["drop", "add_a_model.NearestMean"]
    assert request(tmp_path, models=word).names() == [own_name(word)]
    assert callable(own_build(word))
    with pytest.raises(BenchmarkError, match=r"none\.py: no such file; a model of your own is"):
        own_build("none.py:X")
    with pytest.raises(BenchmarkError, match="no class 'Other' with fit, predict, recover"):
        own_build(f"{EXAMPLE}:Other")


def test_the_example_is_as_short_as_the_page_says() -> None:
    body = EXAMPLE.read_text().partition("class ")[2]
    code = [line for line in body.splitlines() if line.strip() and '"""' not in line]
    assert len(code) <= 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "mosy"}, "no data set 'mosy'"),
        ({"models": "drop,mmim"}, "no model 'mmim'"),
        ({"protocol": "randm"}, "no protocol 'randm'"),
        ({"profile": "fast"}, "no profile 'fast'"),
        ({"seeds": 0}, "at least one seed"),
        ({"data": "mosi", "protocol": "frames"}, "does not fit data of 2 modalities with 1"),
        ({"data": "meld", "models": "mmin"}, "needs 2 modalities"),
    ],
)
def test_wrong_words_are_refused_before_anything_starts(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        check_words(request(tmp_path, **changes))


def test_a_folder_keeps_to_one_comparison(tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_folder(request(out))
    open_folder(request(out, models="dropkd", seeds=9))
    with pytest.raises(BenchmarkError, match="holds results with profile 'quick', not 'full'"):
        open_folder(request(out, profile="full"))
    path = out / SETTINGS
    path.write_text(json.dumps(json.loads(path.read_text()) | {"text_encoder": "older"}))
    with pytest.raises(BenchmarkError, match="text_encoder 'older'"):
        open_folder(request(out))
    path.write_text("{")
    with pytest.raises(BenchmarkError, match="cannot be used"):
        open_folder(request(out))
