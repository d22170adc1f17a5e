"""A batch from end to end: engines, kills, resumption, mistakes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.pipeline.batch import run as run_module
from tacit.pipeline.batch.inputs import BatchError, BatchInput
from tacit.pipeline.batch.reading import Outcome, Reader
from tacit.pipeline.batch.recipe import Recipe
from tacit.pipeline.batch.run import BatchRequest, run_batch
from tacit.pipeline.config import load_settings
from tests.fakes.media import tone, write_audio, write_both

pytestmark = [pytest.mark.media, pytest.mark.process, pytest.mark.timeout(150)]


class Seen:
    """Remembers what a view is told."""

    def __init__(self) -> None:
        self.inputs: list[BatchInput] = []
        self.outcomes: list[Outcome] = []

    def begin(self, inputs: list[BatchInput]) -> None:
        self.inputs = inputs

    def share(self, source: BatchInput, share: float) -> None:
        assert source in self.inputs
        assert 0 <= share <= 1

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class Sequential:
    """Reads one input after another in this process; what the real engines must agree with."""

    def __init__(self, recipe: Recipe, out: Path, jobs: int) -> None:
        self._reader = Reader(recipe, out)

    def run(self, inputs: list[BatchInput], share: object) -> Iterator[Outcome]:
        for source in inputs:
            yield self._reader.read(source)

    def close(self) -> None:
        self._reader.close()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short recordings, two of them broken."""
    folder = tmp_path_factory.mktemp("media")
    for k in range(3):
        sound = tone(1.0 + k / 2, 16_000, 200.0 + 100 * k)
        write_audio(folder / f"tone{k}.wav", sound[None], 16_000)
    write_both(folder / "grey.mp4", 1)
    (folder / "text.mp4").write_text("no media")
    (folder / "cut.mp4").write_bytes((folder / "grey.mp4").read_bytes()[:900])
    return folder


def request(media: Path, out: Path, inject: str = "", jobs: int = 1) -> BatchRequest:
    settings = load_settings(overrides={"asr": "off"})
    return BatchRequest(media, out, settings, "local", jobs, inject)


def parts(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "results").iterdir()}


@pytest.fixture(scope="module")
def expected(media: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Part files of a sequential run."""
    out = tmp_path_factory.mktemp("sequential")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "LocalEngine", Sequential)
        run_batch(request(media, out), Seen())
    found = parts(out)
    assert len(found) == 4
    return found


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "LocalEngine", Sequential)


def test_processes_give_the_same_parts_as_one_process(
    media: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    seen = Seen()
    summary = run_batch(request(media, tmp_path, jobs=2), seen)
    assert parts(tmp_path) == expected
    assert (summary.done, summary.failed, summary.complete) == (4, 2, True)
    assert {o.input for o in seen.outcomes if o.status == "failed"} == {"cut.mp4", "text.mp4"}
    listed = [json.loads(x) for x in (tmp_path / "failures.jsonl").read_text().splitlines()]
    assert [f["input"] for f in listed] == ["cut.mp4", "text.mp4"]
    assert all(f["error"] for f in listed)


@pytest.mark.usefixtures("in_this_process")
def test_what_is_done_is_kept_until_something_changes(
    media: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    own = tmp_path / "media"
    own.mkdir()
    for path in media.glob("tone*"):
        (own / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "out"
    assert run_batch(request(own, out), Seen()).done == 3
    again = run_batch(request(own, out), Seen())
    assert (again.done, again.kept, again.windows) == (0, 3, 2 + 3 + 4)
    first, second, third = sorted((out / "results").iterdir())
    first.write_bytes(first.read_bytes()[:-9])
    (own / "tone1.wav").write_bytes((own / "tone2.wav").read_bytes())
    changed = run_batch(request(own, out), Seen())
    assert {o.input for o in changed.outcomes if o.status == "done"} == {"tone0.wav", "tone1.wav"}
    assert parts(out)[first.name] == expected[first.name]
    assert parts(out)[second.name] != expected[second.name]
    assert parts(out)[third.name] == expected[third.name]
    assert run_batch(request(own, out, "audio:mute@0-1"), Seen()).done == 3


@pytest.mark.usefixtures("in_this_process")
def test_parts_of_other_inputs_are_counted(media: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "stranger.parquet").touch()
    assert run_batch(request(media / "..", tmp_path, jobs=1), Seen()).other_parts == 1


def test_one_folder_takes_one_batch_at_a_time(media: Path, tmp_path: Path) -> None:
    with run_module._folder(tmp_path), pytest.raises(BatchError, match="another batch"):
        run_batch(request(media, tmp_path), Seen())


def test_a_folder_that_cannot_be_made_is_named(media: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BatchError, match="file: cannot be written to"):
        run_batch(request(media, tmp_path / "file"), Seen())


@pytest.fixture
def running(media: Path, sample: Path, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`tacit batch` over the tones and three times the sample."""
    own = tmp_path / "media"
    own.mkdir()
    for path in [*media.glob("tone*"), media / "grey.mp4"]:
        (own / path.name).symlink_to(path)
    for k in range(3):
        (own / f"sample{k}.mp4").symlink_to(sample)
    process = start(tmp_path)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tacit.pipeline.cli", "batch", str(folder / "media")]
    command += ["-o", str(folder / "out"), "--asr", "off", "--jobs", "2", *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_parts(process: "subprocess.Popen[bytes]", out: Path, count: int) -> None:
    deadline = time.monotonic() + 50
    while len(list((out / "results").glob("*.parquet"))) < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(parent: int) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat[1]) == parent and stat[0] != "Z":
            found.add(int(folder.name))
    return found


def wait_until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_batch_goes_on_where_it_was(
    running: "subprocess.Popen[bytes]", tmp_path: Path, expected: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    wait_for_parts(running, out, 1)
    workers = children(running.pid)
    running.kill()
    running.wait()
    wait_until_gone(workers)
    before = parts(out)
    whole = {name: data for name, data in before.items() if name.endswith(".parquet")}
    again = start(tmp_path)
    assert again.wait(100) == 0
    after = parts(out)
    assert len(after) == 7
    assert whole.items() <= after.items()
    assert expected.items() <= after.items()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["kept"] == len(whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_soon_and_leaves_whole_files(
    running: "subprocess.Popen[bytes]", tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    wait_for_parts(running, out, 1)
    workers = children(running.pid)
    began = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    assert running.wait(20) == 130
    assert time.monotonic() - began < 2
    wait_until_gone(workers)
    assert all(name.endswith(".parquet") for name in parts(out))
    assert json.loads((out / "summary.json").read_text())["complete"] is False
