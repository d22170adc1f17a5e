"""Models that serve one recording after another: each is read as if it were the only one."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.job import Go, Job
from tacit.pipeline.stages.build import build_stage
from tacit.pipeline.stages.loaded import LoadedModels
from tacit.stream.packet import Modality
from tests.fakes.media import tone, write_audio

pytestmark = pytest.mark.media


def packets(stage: Any) -> list[Any]:
    first = islice(stage.packets(Go()), 12)
    return [(p.kind, p.t_capture_ns, p.data.tolist(), dict(p.meta)) for p in first]


def job(media: Path) -> Job:
    return Job(settings=Settings(asr="off"), media=media)


@pytest.mark.parametrize("modality", ["audio", "face"])
def test_a_recording_leaves_nothing_to_the_next(modality: Modality, sample: Path) -> None:
    models = LoadedModels(Settings(asr="off"))
    alone = packets(build_stage(modality, job(sample)))
    assert packets(models.stage(modality, job(sample))) == alone
    assert packets(models.stage(modality, job(sample))) == alone
    models.close()


def test_weights_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tacit.models.audio_encoder import StreamingAudioEncoder

    loads: list[Path] = []
    load = StreamingAudioEncoder.load

    def counted(folder: Path) -> StreamingAudioEncoder:
        loads.append(folder)
        return load(folder)

    monkeypatch.setattr(StreamingAudioEncoder, "load", counted)
    media = write_audio(tmp_path / "a.wav", tone(0.2, 16_000)[None], 16_000)
    models = LoadedModels(Settings(asr="off"))
    assert packets(models.stage("audio", job(media))) == packets(models.stage("audio", job(media)))
    assert len(loads) == 1
