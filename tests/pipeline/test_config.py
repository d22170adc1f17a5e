from pathlib import Path

import pytest

from tacit.pipeline.config import ConfigError, Settings, load_settings


def test_defaults_need_nothing() -> None:
    assert load_settings(environ={}) == Settings()


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "tacit.toml"
    file.write_text("threads = 2\n[windows]\nhop_ms = 1000\ngrace_ms = 100\n")
    settings = load_settings(
        file,
        {"windows.hop_ms": 250, "asr": None},
        {"TACIT_WINDOWS__HOP_MS": "750", "TACIT_WINDOWS__GRACE_MS": "120", "HOME": "x"},
    )
    assert settings.threads == 2
    assert settings.windows.grace_ms == 120
    assert settings.windows.hop_ms == 250
    assert settings.asr == "auto"


def test_environment_can_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "tacit.toml"
    file.write_text("threads = 3\n")
    assert load_settings(environ={"TACIT_CONFIG": str(file)}).threads == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("windws = 1", r"windws: unknown setting; known here: asr, baseline, face, recovery, "),
        ("[windows]\nhop = 500", r"windows\.hop: unknown setting; known here: grace_ms, hop_ms"),
        ("[windows]\nhop_ms = 20", r"windows\.hop_ms: .*greater than or equal to 100.*got 20"),
        ("[windows]\nmin_coverage = nan", r"windows\.min_coverage: .*finite"),
        ("threads = 'many'", r"threads: .*integer.*got 'many'"),
        ("[windows]\nhop_ms = '500 s'", r"windows\.hop_ms: .*integer"),
        ("threads = ", r"tacit\.toml: not a readable TOML file"),
    ],
)
def test_a_bad_file_is_refused_with_the_path_of_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "tacit.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(file, environ={})


def test_a_missing_file_and_an_unknown_variable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such settings file"):
        load_settings(tmp_path / "none.toml", environ={})
    with pytest.raises(ConfigError, match="speling: unknown setting"):
        load_settings(environ={"TACIT_SPELING": "1"})
    with pytest.raises(ConfigError, match="threads is a value, not a section"):
        load_settings(environ={"TACIT_THREADS": "1", "TACIT_THREADS__X": "1"})
