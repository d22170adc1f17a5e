import datetime
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tacit.pipeline.recorded import read_facts
from tacit.pipeline.sessions import FILE_END, load_session
from tests.fakes.small_session import record_small

pytestmark = pytest.mark.process


def tacit(*words: str | Path, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tacit.pipeline.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        input=answer,
    )


@pytest.fixture(scope="module")
def recorded(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with its face frozen, recorded with its media."""
    path = tmp_path_factory.mktemp("recorded") / "sample.mcap"
    done = tacit(
        *("record", sample, "-o", path, "--json", path.with_suffix(".jsonl"), "--asr", "off"),
        *("--inproc", "--media", "--inject", "face:freeze@2-4", "--purpose", "research"),
        *("--consent", "c-1", "--retention-days", "30", "--participant", "anna"),
    )
    assert done.returncode == 0, done.stderr
    assert f"● RECORDING to {path} (features and media)" in done.stdout
    assert "recording ended" in done.stdout
    return path


def test_a_recording_says_whose_and_what_for(recorded: Path, sample: Path) -> None:
    facts = read_facts(recorded)
    assert (facts.participant, facts.purpose, facts.consent) == ("anna", "research", "c-1")
    assert (facts.retention_days, facts.inject) == (30, "face:freeze@2-4")
    assert facts.media_bytes == sample.stat().st_size
    assert set(facts.weights) == {"audio", "face", "text", "fusion", "recovery"}
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o600


def test_it_verifies(recorded: Path) -> None:
    done = tacit("verify-replay", recorded)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = recorded.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    assert done.stdout == f"OK: {len(lines)} events are the same again\n"


def test_replays_from_features_and_from_media_give_the_recorded_events(recorded: Path) -> None:
    known = recorded.with_suffix(".jsonl")
    for words in ((), ("--from", "media", "--inproc")):
        done = tacit("replay", recorded, "--compare", known, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the same events" in done.stdout


def test_a_replay_with_other_settings_is_told_apart(recorded: Path, tmp_path: Path) -> None:
    config = tmp_path / "tacit.toml"
    config.write_text("[windows]\nhop_ms = 1000\n")
    done = tacit("replay", recorded, "--config", config, "--compare", recorded)
    assert done.returncode == 1
    assert "event 0, hop_ms: 500 is now 1000" in done.stdout


def test_damage_needs_the_media(recorded: Path) -> None:
    done = tacit("replay", recorded, "--inject", "audio:off")
    assert done.returncode == 2
    assert "--from media" in done.stderr


def test_an_existing_recording_is_not_replaced(recorded: Path, sample: Path) -> None:
    before = recorded.stat().st_size
    done = tacit("record", sample, "-o", recorded)
    assert done.returncode == 2
    assert done.stderr == f"tacit: {recorded}: exists already; recordings are never replaced\n"
    assert recorded.stat().st_size == before


def test_mistakes_leave_no_file(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    assert tacit("record", tmp_path / "none.mp4", "-o", path).returncode == 2
    done = tacit("record", sample, "-o", path, "--participant", "../anna")
    assert done.returncode == 2
    assert "--participant" in done.stderr
    assert not path.exists()


def test_kill_9_leaves_what_was_recorded_until_then(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    lines = tmp_path / "s.jsonl"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tacit.pipeline.cli", "record", str(sample), "-o", str(path)),
            *("--speed", "1", "--asr", "off", "--json", str(lines), "--inject", "face:freeze@1-3"),
            "--inproc",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 45
        while not lines.exists() or lines.read_text().count("measurement.result") < 5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    shown = [json.loads(line) for line in lines.read_text().splitlines()]
    left = load_session(path)
    assert left.metadata[FILE_END] == "the file is cut"
    # An event is recorded before it is shown; at most the last one was still on its way.
    assert len(left.events) >= len(shown) - 1
    replayed = tacit("replay", path, "--json", tmp_path / "again.jsonl")
    assert replayed.returncode == 0, replayed.stderr
    assert "the file ends early: the file is cut" in replayed.stdout
    verified = tacit("verify-replay", path)
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.startswith(f"OK: {len(left.events)} events")


def test_purge_deletes_one_participants_sessions_after_asking(tmp_path: Path) -> None:
    record_small(tmp_path / "a.mcap", 1.0, participant="p1")
    record_small(tmp_path / "b.mcap", 1.0, participant="p7")
    refused = tacit("purge", tmp_path, "--participant", "p7", answer="n\n")
    assert refused.returncode == 130
    assert (tmp_path / "b.mcap").exists()
    assert tacit("purge", tmp_path, "--participant", "p7", answer="y\n").returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcap"]
    assert tacit("purge", tmp_path).returncode == 2


def test_purge_deletes_expired_sessions_and_tells_what_it_could_not_look_into(
    tmp_path: Path,
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    old = (now - datetime.timedelta(days=31)).isoformat()
    record_small(tmp_path / "old.mcap", 1.0, retention_days=30, created_utc=old)
    record_small(tmp_path / "new.mcap", 1.0, retention_days=30, created_utc=now.isoformat())
    record_small(tmp_path / "kept.mcap", 1.0, created_utc=old)
    (tmp_path / "odd.mcap").write_text("?")
    done = tacit("purge", tmp_path, "--expired", "--yes")
    assert done.returncode == 1
    assert "odd.mcap: not an MCAP file" in done.stderr
    assert sorted(p.name for p in tmp_path.glob("*.mcap")) == ["kept.mcap", "new.mcap", "odd.mcap"]
