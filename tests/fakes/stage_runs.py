"""What the tests of all stages share: a job on a recording, and the form of what comes out."""

from pathlib import Path

from tacit.pipeline.config import Settings
from tacit.pipeline.job import Job
from tacit.stream.packet import Packet


def job(sample: Path, inject: str = "", **changes: object) -> Job:
    """A task on a recording with the shipped encoders."""
    settings = Settings(asr="off")
    return Job(settings=settings, media=sample, inject=inject).model_copy(update=changes)


def check_form(packets: list[Packet]) -> None:
    """Numbered without holes, one end, availability in order."""
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert [p.kind for p in packets].count("end") == 1
    assert packets[-1].kind == "end"
    available = [p.t_available_ns for p in packets]
    assert available == sorted(available)
