from pathlib import Path

import torch

from tacit.models.training.stages import Done, StageStore, digest, fingerprint


def made(calls: list[int]) -> Done:
    calls.append(1)
    return Done({"w": torch.full((2,), float(len(calls)))}, {"curve": [1.0, 0.5]})


def test_a_stage_is_made_once(tmp_path: Path) -> None:
    calls: list[int] = []
    said: list[str] = []
    store = StageStore(tmp_path / "deep", said.append)
    first = store.run("teacher", {"seed": 1}, lambda: made(calls))
    again = store.run("teacher", {"seed": 1}, lambda: made(calls))
    assert len(calls) == 1
    assert torch.equal(first.tensors["w"], again.tensors["w"])
    assert again.history["curve"] == [1.0, 0.5]
    assert said == ["teacher: kept from an earlier run"]


def test_what_it_rests_on_counts(tmp_path: Path) -> None:
    calls: list[int] = []
    store = StageStore(tmp_path, lambda line: None)
    store.run("teacher", {"seed": 1}, lambda: made(calls))
    assert float(store.run("teacher", {"seed": 2}, lambda: made(calls)).tensors["w"][0]) == 2.0
    assert float(store.run("student", {"seed": 2}, lambda: made(calls)).tensors["w"][0]) == 3.0


def test_a_stage_that_was_cut_is_made_anew(tmp_path: Path) -> None:
    calls: list[int] = []
    store = StageStore(tmp_path, lambda line: None)
    store.run("teacher", {}, lambda: made(calls))
    weights = tmp_path / "teacher" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20])
    (tmp_path / "teacher" / "history.json").write_text("{")
    store.run("teacher", {}, lambda: made(calls))
    assert len(calls) == 2


def test_hashes_see_content_and_not_order() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    one, other = {"a": torch.ones(2), "b": torch.zeros(1)}, {"a": torch.ones(2)}
    assert digest(one) == digest(dict(reversed(one.items())))
    assert digest(one) != digest(other)
    assert digest(other) != digest({"a": torch.zeros(2)})
