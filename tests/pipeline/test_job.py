from pathlib import Path

import pytest
from pydantic import ValidationError

from tacit.pipeline.config import Settings, Windows
from tacit.pipeline.job import Go, Job
from tacit.stream.endpoints import new_shared_keys


def test_a_job_survives_the_way_to_its_worker() -> None:
    keys = new_shared_keys()
    job = Job(
        settings=Settings(threads=2, windows=Windows(hop_ms=1000)),
        media=Path("talk.mp4"),
        inject="face:freeze@2-4",
        epoch=3,
        publish="ipc://run/face",
        keys=(keys.public.decode(), keys.secret.decode()),
    )
    received = Job.model_validate_json(job.model_dump_json())
    assert received == job
    assert received.bus_options.curve == keys
    assert Job(settings=Settings()).bus_options.curve is None


def test_unknown_fields_are_refused() -> None:
    assert Go.model_validate_json(Go(start_ns=7).model_dump_json()) == Go(start_ns=7)
    with pytest.raises(ValidationError, match="extra"):
        Go.model_validate_json('{"start_ns": 0, "command": "rm"}')
