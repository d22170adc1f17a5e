import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


def tacit(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tacit.pipeline.cli", *words],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ | (env or {}),
    )


def complaint(*words: str, env: dict[str, str] | None = None) -> str:
    done = tacit(*words, env=env)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("tacit: ")
    return lines[0]


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "notes.mp4"
    path.write_text("this is no video\n" * 100)
    return path


def test_it_says_its_version() -> None:
    done = tacit("--version")
    assert done.returncode == 0
    assert done.stdout == f"tacit {version('tacit')}\n"
    assert "--version" in tacit("--help").stdout


def test_a_missing_file_is_one_line() -> None:
    assert "nowhere.mp4" in complaint("replay", "nowhere.mp4")


def test_a_text_file_named_mp4_is_one_line(text_file: Path) -> None:
    assert "notes.mp4" in complaint("replay", str(text_file))


def test_an_unknown_kind_of_damage_is_one_line_that_lists_the_known(text_file: Path) -> None:
    line = complaint("replay", str(text_file), "--inject", "face:melt@1-2")
    assert "melt" in line
    assert "freeze" in line


def test_a_bad_speed_an_unknown_option_and_an_unknown_command_are_one_line(
    text_file: Path,
) -> None:
    assert "--speed 0" in complaint("replay", str(text_file), "--speed", "0")
    assert "--sped" in complaint("replay", str(text_file), "--sped", "1")
    assert "rplay" in complaint("rplay")


def test_an_unknown_setting_is_one_line_with_its_path(text_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "tacit.toml"
    file.write_text("[windows]\nhop = 1\n")
    assert "windows.hop" in complaint("replay", str(text_file), "--config", str(file))
    assert "thread" in complaint("replay", str(text_file), env={"TACIT_THREAD": "2"})


def test_missing_and_damaged_weights_are_one_line(sample: Path, tmp_path: Path) -> None:
    assert str(tmp_path) in complaint("replay", str(sample), "--weights", str(tmp_path))
    damaged = tmp_path / "damaged"
    subprocess.run(["cp", "-r", str(shipped()), str(damaged)], check=True)
    weights = damaged / "audio" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "SHA-256" in complaint("replay", str(sample), "--weights", str(damaged))


def test_speech_weights_that_are_not_there_are_one_line(sample: Path, tmp_path: Path) -> None:
    assert str(tmp_path) in complaint("replay", str(sample), "--asr", str(tmp_path))


def test_everything_off_is_one_line(sample: Path) -> None:
    spec = "face:off,audio:off,text:off"
    assert "every modality is off" in complaint("replay", str(sample), "--inject", spec)


def test_a_place_that_cannot_be_written_is_one_line(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "out.jsonl"
    assert str(path) in complaint("replay", str(sample), "--json", str(path))


def test_mistakes_are_told_fast(text_file: Path) -> None:
    tacit("replay", "nowhere.mp4")  # bytecode and file cache
    times = []
    for _ in range(3):
        began = time.perf_counter()
        tacit("replay", str(text_file))
        times.append(time.perf_counter() - began)
    # Two seconds is the promise on an idle machine; the bound here leaves room for a busy one.
    assert min(times) < 8


def test_the_list_of_commands_comes_at_once() -> None:
    took = []
    for _ in range(3):
        before = os.times()
        assert "verify-replay" in tacit("--help").stdout
        after = os.times()
        took.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    # 0.3 s of processor time, which a busy machine hardly changes; with torch it was 4 s.
    assert min(took) < 1.2


@pytest.mark.parametrize("name", ["devices", "doctor", "export", "purge", "serve", "report"])
def test_commands_that_read_nothing_import_no_models(name: str) -> None:
    code = (
        "import sys; from tacit.pipeline.cli import COMMANDS; "
        f"COMMANDS[{name!r}].load({name!r}); "
        "print([m for m in ('torch', 'scipy', 'onnxruntime', 'mediapipe') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_teaches() -> None:
    done = tacit("replay", "--help")
    assert done.returncode == 0
    assert "face:freeze@2-4" in done.stdout
    assert tacit().returncode in (0, 2)


def test_doctor_and_models_info_know_the_shipped_weights() -> None:
    done = tacit("doctor", "--json")
    assert '"model fusion"' in done.stdout
    shown = tacit("models", "info")
    assert shown.returncode == 0
    assert "RAVDESS" in shown.stdout
    assert "CC BY-NC-SA" in shown.stdout


def shipped() -> Path:
    from tacit.models.manifest import SHIPPED

    return SHIPPED
