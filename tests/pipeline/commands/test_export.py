import sys
from pathlib import Path

import pandas as pd
import pytest

from tacit.pipeline.cli import main
from tests.fakes.finished import finished, ready, typical, write_events

Run = tuple[int, str, str]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return write_events(typical(), tmp_path / "talk.jsonl")


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: str) -> Run:
    monkeypatch.setattr(sys, "argv", ["tacit", *args])
    code = 0
    try:
        main()
    except SystemExit as exc:
        code = int(exc.code or 0)
    return (code, *capsys.readouterr())


def test_export_says_what_it_wrote(
    session: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = session.with_name("talk.csv")
    code, text, _ = run(capsys, monkeypatch, "export", str(session), "-o", str(out))
    assert (code, text) == (0, f"{out}: {len(pd.read_csv(out))} rows\n")


def test_mistakes_are_one_line_and_exit_2(
    session: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = write_events(finished([ready()]), session.with_name("bare.jsonl"))
    for args, said in (
        ((str(session), "-o", "a.docx"), "formats are jsonl, csv"),
        ((str(session), "--to", "xdf", "-o", "a.xdf"), "no maintained library"),
        ((str(session), "--to", "csv", "-o", str(session)), "--force"),
        ((str(bare), "-o", str(session.with_name("b.csv"))), "holds no results"),
        ((str(session.with_name("none.jsonl")), "-o", "a.csv"), "cannot be read"),
    ):
        code, _, error = run(capsys, monkeypatch, "export", *args)
        assert code == 2
        assert said in error
        assert len(error.splitlines()) == 1
