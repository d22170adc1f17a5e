"""The invariant of every parser: any bytes give a value or its one documented error."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools import fuzz
from tools.fuzz import CORPUS, Tally, keep, known_bad, mutated, run_apart, run_target, try_case
from tools.fuzz_targets import BY_NAME, TARGETS, Target

pytestmark = pytest.mark.fuzz
CASES = {"media": 15, "recording": 60, "checkpoint": 60}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutated_inputs_and_all_of_the_corpus_keep_to_the_invariant(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fuzz, "keep", lambda target, data: data[:200].hex())
    tally = run_target(target, CASES.get(target.name, 200), seed=1)
    assert tally.outside == []
    assert tally.values > 0
    assert tally.refused > 0


@pytest.mark.parametrize("name", ["wire", "window", "offer", "event", "inject", "job"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300), cut=st.integers(0, 400), at=st.integers(0, 400))
def test_hypothesis_finds_nothing_outside_the_invariant(
    name: str, data: bytes, cut: int, at: int, tmp_path: Path
) -> None:
    target = BY_NAME[name]
    seed = target.seeds()[0]
    for case in (data, seed[:cut], seed[:at] + data + seed[at:]):
        assert try_case(target, case, tmp_path, Tally(name, cases=1)) == ""


def test_what_breaks_the_invariant_is_found_named_and_kept(tmp_path: Path) -> None:
    def parse(data: bytes, _: Path) -> object:
        if b"\xff" in data:
            raise KeyError("ff")
        if len(data) > 3:
            raise ValueError("long")
        return data

    target = Target("made", (ValueError,), lambda: [b"ab"], parse)
    tally = Tally("made", cases=1)
    assert try_case(target, b"ab", tmp_path, tally) == ""
    assert try_case(target, b"abcdef", tmp_path, tally) == ""
    assert try_case(target, b"\xff", tmp_path, tally) == "KeyError: 'ff'"
    assert (tally.values, tally.refused, tally.cases) == (1, 1, 4)
    name = keep(target, b"\xff", tmp_path)
    assert known_bad(target, tmp_path)[-1] == b"\xff"
    assert (tmp_path / "made" / f"{name}.bin").exists()


def test_stalls_and_large_allocations_are_found(tmp_path: Path) -> None:
    def slow(data: bytes, _: Path) -> object:
        return sum(range(400_000))

    def large(data: bytes, _: Path) -> object:
        return bytes(4 << 20)

    target = Target("slow", (ValueError,), lambda: [b"a"], slow, stall_s=0.001)
    assert "processor time" in try_case(target, b"a", tmp_path, Tally("slow", cases=1))
    greedy = replace(target, parse=large, memory_bytes=1 << 20)
    assert "allocated" in try_case(greedy, b"a", tmp_path, Tally("large", cases=0))


def test_mutations_differ_and_the_same_seed_gives_the_same() -> None:
    seeds = [b"hello world" * 9, b"another one"]
    made = [mutated(seeds, random.Random(k)) for k in range(200)]
    assert len(set(made)) > 150
    assert made == [mutated(seeds, random.Random(k)) for k in range(200)]


@pytest.mark.process
@pytest.mark.timeout(120)
def test_a_run_in_a_process_of_its_own_gives_its_counts() -> None:
    tally = run_apart(BY_NAME["inject"], 20, 3)
    assert tally.cases >= 20
    assert tally.outside == []


def test_the_corpus_names_only_parsers_that_exist() -> None:
    folders = {path.name for path in CORPUS.iterdir()} if CORPUS.exists() else set()
    assert folders <= set(BY_NAME) | {"README.md"}
