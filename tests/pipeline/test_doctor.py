from pathlib import Path

import pytest

from tacit.models.errors import CheckpointError
from tacit.pipeline import doctor
from tacit.pipeline.config import Face, Settings


def named(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {f.name: f for f in findings}


def test_missing_weights_and_a_wrong_landmarker_are_found(tmp_path: Path) -> None:
    settings = Settings(weights=tmp_path, asr="off", face=Face(landmarker=tmp_path / "none.task"))
    found = named(list(doctor.examine(settings)))
    assert found["model face"].status == "missing"
    assert str(tmp_path) in found["model face"].detail
    assert found["face landmarker"].status == "missing"
    assert found["speech to text"].status == "optional"
    assert found["python"].status == "ok"
    assert found["torch"].status == "ok"
    assert all(f.remedy for f in found.values() if f.status == "missing")


def test_a_package_that_is_not_there_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("tacit-no-such-package",))
    found = named(list(doctor.examine(Settings(asr="off"))))
    assert found["tacit-no-such-package"].remedy == "pip install tacit-no-such-package"


def test_a_summary_needs_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        doctor.summary("face", tmp_path)
