"""mypy must see through the links: a mistake across packages may not pass for the type Any."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIGHT = (
    "Makefile",
    "pyproject.toml",
    "stream/__init__.py",
    "stream/packet.py",
    "models/__init__.py",
    "models/labels.py",
)
# Where a mistake is planted, and what names an int that is then used as a str.
MISTAKES = {
    "stream/planted.py": "from .packet import NS_PER_S as number",
    "models/planted.py": "from . import labels\n\nnumber = len(labels.EMOTIONS)",
    "pipeline/planted.py": "from ..stream.packet import NS_PER_S as number",
    "tools/planted.py": "from tacit.stream.packet import NS_PER_S as number",
    "tests/planted.py": "from tacit.stream.packet import NS_PER_S as number",
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in LIGHT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    for name, source in MISTAKES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).parent.joinpath("__init__.py").touch()
        (tmp_path / name).write_text(f"{source}\n\nhalf: int = number // 2\n")
    return tmp_path


def make_types(folder: Path) -> tuple[int, str]:
    """Run the Makefile's own recipe there, with this environment's mypy and no set-up."""
    run = f"RUN={Path(sys.executable).parent}/"
    command = ["make", "--old-file=.venv/.ready", "types", run]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=250
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_types_finds_a_planted_error_in_every_package(copied: Path) -> None:
    assert make_types(copied)[0] == 0
    for name in MISTAKES:
        with (copied / name).open("a") as file:
            file.write("wrong: str = number\n")
    status, output = make_types(copied)
    assert status != 0
    for name in MISTAKES:
        folder = "" if name.startswith(("tests", "tools")) else "build/typing/tacit/"
        assert f"{folder}{name}" in output, output
    assert output.count("[assignment]") == len(MISTAKES), output
