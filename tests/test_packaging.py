import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("stream", "models", "pipeline")


def test_every_package_folder_is_named() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    folders = {path.parent.relative_to(ROOT) for path in files}
    assert set(named) == {".".join(("tacit", *folder.parts)) for folder in folders}


@pytest.fixture
def wheel(tmp_path: Path) -> zipfile.Path:
    """Build in a copy: setuptools would pack what an earlier build left behind."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = tmp_path.glob("*.whl")
    return zipfile.Path(built)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(300)
def test_the_wheel_holds_tacit_and_all_that_it_needs(wheel: zipfile.Path) -> None:
    names = set(wheel.root.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tacit"}
    shipped = {
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"tacit/{path.as_posix()}" for path in shipped} <= names
    assert "tacit/pipeline/assets/sample.mp4" in names
    assert any(name.startswith("tacit/models/weights/") for name in names)
