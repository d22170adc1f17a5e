import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tacit.models.checkpoint import load
from tacit.models.errors import ModelError
from tacit.pipeline.training.curves import Point, read_points
from tacit.pipeline.training.errors import TrainError
from tacit.pipeline.training.ledger import Finished
from tacit.pipeline.training.run import Run, Status, run_stages, seeded, without
from tacit.pipeline.training.settings import RunSettings
from tests.fakes.training_stages import SmallConfig, small_stage

TABLE = {"one": small_stage("one"), "two": small_stage("two", needs=("one",))}


class Heard:
    """A view that remembers."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.notes: list[str] = []

    def begin(self, stage: str, number: int, of: int) -> None:
        self.lines.append(f"{stage} {number}/{of}")

    def line(self, stage: str, text: str, point: Point | None) -> None:
        self.lines.append(text)

    def end(self, stage: str, status: Status, finished: Finished) -> None:
        self.ended.append((stage, status))

    def note(self, text: str) -> None:
        self.notes.append(text)


def run_in(folder: Path, settings: RunSettings | None = None) -> Run:
    return Run(folder / "data", folder / "out", settings or RunSettings(), folder / "cache")


def trained(run: Run) -> list[tuple[str, str]]:
    heard = Heard()
    run_stages(run, TABLE, heard)
    return heard.ended


def test_stages_run_once_and_are_kept_after_that(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    assert trained(run) == [("one", "trained"), ("two", "trained")]
    assert trained(run) == [("one", "kept"), ("two", "kept")]
    assert [p.step for p in read_points(tmp_path / "out" / "curves" / "one.jsonl")] == [1, 2]
    assert (tmp_path / "out" / "curves" / "one.png").is_file()


def test_other_settings_train_anew_with_all_that_rests_on_them(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    trained(run)
    own = replace(run, settings=RunSettings(sections={"two": {"epochs": 3}}))
    assert trained(own) == [("one", "kept"), ("two", "trained")]
    reseeded = replace(run, settings=RunSettings(sections={"one": {"seed": 5}}))
    assert trained(reseeded) == [("one", "trained"), ("two", "trained")]


def test_one_seed_serves_all_stages_that_have_none_of_their_own(tmp_path: Path) -> None:
    settings = RunSettings(seed=3, sections={"two": {"seed": 4}})
    run_stages(run_in(tmp_path, settings), TABLE, Heard())
    seeds = [load(tmp_path / "out" / "weights" / n, n)[1].seed for n in TABLE]
    assert seeds == [3, 4]


def test_a_seed_reaches_nested_settings_that_do_not_say_their_own() -> None:
    @dataclass(frozen=True)
    class Outer:
        one: SmallConfig
        two: SmallConfig

    found = seeded(Outer(SmallConfig(), SmallConfig()), 9, {"two": {"seed": 0}})
    assert (found.one.seed, found.two.seed) == (9, 0)


def test_a_damaged_checkpoint_is_trained_anew(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    trained(run)
    (tmp_path / "out" / "weights" / "one" / "model.safetensors").write_bytes(b"")
    assert trained(run)[0] == ("one", "trained")


def test_a_failed_stage_leaves_the_finished_ones(tmp_path: Path) -> None:
    broken = {**TABLE, "two": small_stage("two", ("one",), fails=True)}
    with pytest.raises(ModelError, match="two diverged"):
        run_stages(run_in(tmp_path), broken, Heard())
    assert trained(run_in(tmp_path)) == [("one", "kept"), ("two", "trained")]


def test_a_stage_without_what_it_needs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="two: needs the stage one, which is not finished"):
        run_stages(run_in(tmp_path, RunSettings(stages=("two",))), TABLE, Heard())


def test_every_section_is_read_before_the_first_stage_begins(tmp_path: Path) -> None:
    heard = Heard()
    settings = RunSettings(sections={"two": {"epoch": 1}}, source="train.toml")
    with pytest.raises(TrainError, match=r"train\.toml: two\.epoch: unknown key"):
        run_stages(run_in(tmp_path, settings), TABLE, heard)
    assert heard.lines == []
    settings = RunSettings(sections={"two": {"cache": "x"}}, source="train.toml")
    with pytest.raises(TrainError, match=r"two\.cache: decided by the command line"):
        run_stages(run_in(tmp_path, settings), TABLE, heard)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TrainError, match="another process trains into this folder"):
            trained(run_in(tmp_path))
    assert trained(run_in(tmp_path))[0] == ("one", "trained")


def test_nested_paths_are_left_out_of_fingerprints() -> None:
    tree = {"a": {"b": 1, "c": 2}, "b": 3}
    assert without(tree, frozenset({"a.b"})) == {"a": {"c": 2}, "b": 3}


KILLED = """
import os, signal, sys
from dataclasses import dataclass, replace
from pathlib import Path
from tests.fakes.training_stages import small_stage
from tests.pipeline.training.test_run import Heard, run_in
from tacit.pipeline.training.run import run_stages

def dies(place, config, progress):
    (place.weights / "two").mkdir(parents=True)
    (place.weights / "two" / "model.safetensors").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

table = {"one": small_stage("one"), "two": replace(small_stage("two", ("one",)), train=dies)}
run_stages(run_in(Path(sys.argv[1])), table, Heard())
"""


@pytest.mark.process
def test_after_a_hard_kill_the_run_goes_on_with_the_stage_that_was_cut(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=root, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert trained(run_in(tmp_path)) == [("one", "kept"), ("two", "trained")]
