"""The same batch on Ray; kept small, because a cluster takes seconds to start."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.pipeline.batch.cluster import RayEngine
from tacit.pipeline.batch.inputs import BatchError
from tacit.pipeline.batch.recipe import Recipe
from tacit.pipeline.config import Settings
from tests.fakes.media import tone, write_audio


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    recipe = Recipe(settings=Settings(asr="off"), model_sha256="m", version="1")
    with pytest.raises(BatchError, match=r"pip install 'tacit\[ray\]'"):
        RayEngine(recipe, tmp_path, 1)


def batch(media: Path, out: Path, engine: str) -> str:
    command = [sys.executable, "-m", "tacit.pipeline.cli", "batch", str(media), "-o", str(out)]
    command += ["--asr", "off", "--jobs", "1", "--engine", engine]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.process
@pytest.mark.media
@pytest.mark.timeout(240)
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'tacit[ray]'"
)
def test_a_cluster_gives_the_same_parts(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for k in range(2):
        write_audio(media / f"{k}.wav", tone(1.0, 16_000, 200.0 + k)[None], 16_000)
    (media / "text.mp4").write_text("no media")
    shown = {engine: batch(media, tmp_path / engine, engine) for engine in ("local", "ray")}
    local, ray = (
        {path.name: path.read_bytes() for path in (tmp_path / engine / "results").iterdir()}
        for engine in ("local", "ray")
    )
    assert len(local) == 2
    assert ray == local
    for text in shown.values():
        assert text.startswith("failed: text.mp4: ")
        assert "2 read, 0 kept, 1 failed of 3" in text
    assert "0 read, 2 kept" in batch(media, tmp_path / "local", "ray")
