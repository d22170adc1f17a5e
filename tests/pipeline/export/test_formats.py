import json
from pathlib import Path

import pandas as pd
import pytest
import srt
import webvtt
from pyarrow import parquet
from pympi import Eaf

from tacit.pipeline.export.formats import FORMATS, export
from tacit.pipeline.export.replacing import ExportError
from tacit.pipeline.export.table import COLUMNS, rows
from tacit.pipeline.sessions import load_session
from tests.fakes.finished import finished, ready, typical

SESSION = typical()


def test_every_format_holds_all_windows_in_its_own_reader(tmp_path: Path) -> None:
    paths = {kind: tmp_path / f"a.{kind}" for kind in FORMATS}
    counts = {kind: export(SESSION, path, force=False).count for kind, path in paths.items()}
    windows, length = len(SESSION.results), len(rows(SESSION))
    assert counts["vtt"] == len(webvtt.read(str(paths["vtt"])).captions) == windows
    assert counts["srt"] == len(list(srt.parse(paths["srt"].read_text("utf-8")))) == windows
    tier = Eaf(str(paths["eaf"])).get_annotation_data_for_tier("p1 expressed emotion")
    assert counts["eaf"] == len(tier) == windows
    assert counts["csv"] == len(pd.read_csv(paths["csv"])) == length
    assert counts["parquet"] == parquet.read_table(paths["parquet"]).num_rows == length
    assert counts["jsonl"] == len(load_session(paths["jsonl"]).events) == len(SESSION.events)


def test_csv_and_parquet_are_the_same_table(tmp_path: Path) -> None:
    export(SESSION, tmp_path / "a.csv", force=False)
    export(SESSION, tmp_path / "a.parquet", force=False)
    from_csv = pd.read_csv(tmp_path / "a.csv")
    from_parquet = parquet.read_table(tmp_path / "a.parquet").to_pandas()
    assert tuple(from_csv.columns) == tuple(from_parquet.columns) == COLUMNS
    assert from_csv["abstained"].dtype == bool
    for name in COLUMNS:
        one, two = from_csv[name], from_parquet[name]
        assert ((one == two) | (one.isna() & two.isna())).all(), name
    assert from_csv["value"].isna().sum() == sum(r.value is None for r in rows(SESSION))


def test_parquet_says_where_it_comes_from(tmp_path: Path) -> None:
    export(SESSION, tmp_path / "a.parquet", force=False)
    found = parquet.read_schema(tmp_path / "a.parquet").metadata
    assert found[b"tacit.session"] == b"talk"
    assert found[b"tacit.source"] == b"talk.mp4"
    assert found[b"tacit.model"] == b"tacit-fusion"
    assert found[b"tacit.version"]


def test_jsonl_holds_the_events_as_they_are(tmp_path: Path) -> None:
    export(SESSION, tmp_path / "a.jsonl", force=False)
    assert load_session(tmp_path / "a.jsonl").events == SESSION.events


def test_captions_replace_the_json(tmp_path: Path) -> None:
    export(SESSION, tmp_path / "a.vtt", captions=True, force=False)
    assert webvtt.read(str(tmp_path / "a.vtt")).captions[0].text.startswith("p1: happiness")
    with pytest.raises(ExportError, match="--to vtt only, not with csv"):
        export(SESSION, tmp_path / "a.csv", captions=True, force=False)


def test_the_format_is_that_asked_for_whatever_the_name(tmp_path: Path) -> None:
    assert export(SESSION, tmp_path / "a.txt", "jsonl", force=False).unit == "events"
    assert json.loads((tmp_path / "a.txt").read_text("utf-8").splitlines()[0])["seq"] == 0


@pytest.mark.parametrize(("name", "to"), [("a.docx", None), ("a", None), ("a.csv", "docx")])
def test_an_unknown_format_names_those_that_there_are(
    tmp_path: Path, name: str, to: str | None
) -> None:
    with pytest.raises(ExportError, match="jsonl, csv, parquet, vtt, srt, eaf"):
        export(SESSION, tmp_path / name, to, force=False)
    assert not (tmp_path / name).exists()


def test_xdf_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no maintained library that writes XDF"):
        export(SESSION, tmp_path / "a.xdf", force=False)


def test_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="holds no events"):
        export(finished([]), tmp_path / "a.jsonl", force=False)
    for kind in set(FORMATS) - {"jsonl"}:
        with pytest.raises(ExportError, match="holds no results; --to jsonl"):
            export(finished([ready()]), tmp_path / f"a.{kind}", force=False)
    assert export(finished([ready()]), tmp_path / "a.jsonl", force=False).count == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_no_format_replaces_a_file_without_force(tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"a.{kind}"
    out.write_text("old")
    with pytest.raises(ExportError, match="is there already"):
        export(SESSION, out, force=False)
    assert out.read_text() == "old"
    export(SESSION, out, force=True)
    assert out.read_bytes() != b"old"
    assert list(tmp_path.iterdir()) == [out]
