"""The inline feed with scripted stages; worker processes are tested on the whole graph."""

from collections.abc import Iterator

import pytest

from tacit.models.features import Modality
from tacit.pipeline import feeds
from tacit.pipeline.config import Settings
from tacit.pipeline.feeds import InlineFeed
from tacit.pipeline.job import Go, Job
from tacit.pipeline.merge import Merger
from tacit.stream.errors import MediaError
from tacit.stream.packet import Packet


def packet(kind: str, modality: Modality, t_ns: int) -> Packet:
    return Packet(kind, modality, "p1", modality, 0, 0, t_ns, 0, t_ns)


class Scripted:
    def __init__(self, modality: Modality, times: list[int], fails: bool) -> None:
        self._modality: Modality = modality
        self._times = times
        self._fails = fails

    def packets(self, go: Go) -> Iterator[Packet]:
        for t_ns in self._times:
            yield packet("bound", self._modality, t_ns)
        if self._fails:
            raise MediaError("clip.mp4: the rest cannot be decoded")
        yield packet("end", self._modality, self._times[-1])


def feed(monkeypatch: pytest.MonkeyPatch, *, failing: str = "") -> InlineFeed:
    def build(modality: Modality, job: Job) -> Scripted:
        times = [0, 40, 80] if modality == "audio" else [10, 20, 30]
        return Scripted(modality, times, fails=modality == failing)

    monkeypatch.setattr(feeds, "build_stage", build)
    job = Job(settings=Settings())
    made = InlineFeed({"audio": job, "face": job})
    made.launch()
    made.ready()
    made.begin()
    return made


def drain(made: InlineFeed) -> tuple[list[tuple[str, int]], list[str]]:
    merger = Merger(["audio", "face"])
    seen: list[tuple[str, int]] = []
    incidents: list[str] = []
    live = {"audio", "face"}
    while live:
        for incident in made.pump(merger):
            incidents.append(incident.detail)
            live.discard(incident.modality)
        while (popped := merger.pop(made.now_ns())) is not None:
            seen.append((popped.modality, popped.t_available_ns))
            if popped.kind == "end":
                merger.exclude(popped.modality)
                live.discard(popped.modality)
    return seen, incidents


def test_sources_are_merged_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, incidents = drain(feed(monkeypatch))
    assert [t for _, t in seen] == sorted(t for _, t in seen)
    assert len(seen) == 8
    assert incidents == []


def test_a_source_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, incidents = drain(feed(monkeypatch, failing="face"))
    assert [t for m, t in seen if m == "audio"] == [0, 40, 80, 80]
    assert incidents == ["clip.mp4: the rest cannot be decoded"]
