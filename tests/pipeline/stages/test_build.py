from pathlib import Path

import pytest

from tacit.models.errors import CheckpointError
from tacit.models.recognizer import Recognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.stages.audio import AudioStage
from tacit.pipeline.stages.build import build_recognizer, build_stage
from tests.fakes.stage_runs import job


def test_stages_are_built_by_name(sample: Path) -> None:
    assert isinstance(build_stage("audio", job(sample)), AudioStage)


def test_the_recognizer_is_loaded_from_the_weights_of_the_settings(tmp_path: Path) -> None:
    assert isinstance(build_recognizer(Settings()), Recognizer)
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        build_recognizer(Settings(weights=tmp_path))
