"""A real session leaves nothing of the person in logs, and opens nothing to the network."""

import logging
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.models.labels import EMOTIONS
from tacit.pipeline.config import Settings
from tacit.pipeline.consent import Terms
from tacit.pipeline.events import MeasurementResult, TranscriptFinal
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.runner import replay
from tacit.pipeline.sinks import JsonlSink
from tests.fakes.tiny_whisper import build_tiny_whisper

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]
WHO, CONSENT = "anna-7xq", "consent-form-9kz"


def children() -> Iterator[int]:
    """Processes that this one has started."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                yield int(folder.name)


def network_sockets(pid: int) -> set[str]:
    """Sockets of a process that reach beyond it over a network, by kind."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(os.readlink(link))
        except OSError:
            continue
    found = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
        found |= {kind for line in lines if f"socket:[{line.split()[9]}]" in held}
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_session_leaves_nothing_of_a_person_in_logs_and_opens_no_network(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs = tmp_path / "logs"
    made: list[Path] = []

    class Kept(tempfile.TemporaryDirectory[str]):
        def __exit__(self, *args: object) -> None:
            if "tacit-log-" in self.name:
                made.append(Path(self.name).rename(logs))
                self._finalizer.detach()  # type: ignore[attr-defined]
            else:
                super().__exit__(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("tacit.pipeline.runner.tempfile.TemporaryDirectory", Kept)
    caplog.set_level(logging.DEBUG)
    settings = Settings(asr=str(build_tiny_whisper(tmp_path / "whisper")))
    terms = Terms(WHO, "research", CONSENT)
    request = ReplayRequest(sample, settings, "face:freeze@4-7", participant=WHO, terms=terms)
    words: set[str] = set()
    workers: dict[int, set[str]] = {}
    results = 0
    out = JsonlSink(tmp_path / "events.jsonl")
    with replay(request) as session:
        for event in session:
            out.write(event)
            if isinstance(event, TranscriptFinal):
                words |= {word for word in event.text.split() if len(word) > 4}
            if isinstance(event, MeasurementResult):
                results += 1
                if results == 3:
                    workers = {pid: network_sockets(pid) for pid in children()}
    out.close()
    assert results > 20
    assert words
    assert len(workers) >= 4
    assert not set().union(*workers.values())
    assert made == [logs]
    written = [path.read_text(errors="replace") for path in logs.rglob("*") if path.is_file()]
    heard = capfd.readouterr()
    everything = "\n".join([*written, caplog.text, heard.out, heard.err])
    for secret in (WHO, CONSENT, *words, *EMOTIONS):
        assert secret not in everything
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700
    kept = [*logs.rglob("*.log"), tmp_path / "events.jsonl"]
    assert len(kept) >= 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert WHO in (tmp_path / "events.jsonl").read_text()
