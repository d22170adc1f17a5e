import json
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tacit.pipeline.batch.inputs import BatchInput
from tacit.pipeline.batch.parts import PartFacts, part_path, read_facts, sweep, write_part
from tacit.pipeline.batch.recipe import Recipe
from tacit.pipeline.config import Settings
from tacit.pipeline.export.table import COLUMNS, rows
from tests.fakes.finished import finished, ready, typical

SOURCE = BatchInput(name="a/talk.mp4", path=Path("a/talk.mp4"))
RECIPE = Recipe(settings=Settings(asr="off"), model_sha256="m", version="1")
FACTS = PartFacts("f", "s", 6000, 6, ("one", "two"))


def test_a_part_holds_the_long_table_its_source_and_its_recipe(tmp_path: Path) -> None:
    count = write_part(tmp_path, SOURCE, RECIPE, typical(), FACTS)
    table = pq.read_table(part_path(tmp_path, SOURCE))
    assert count == table.num_rows == len(rows(typical()))
    assert table.column_names == [*COLUMNS, "input", "input_sha256"]
    assert set(table["input"].to_pylist()) == {"a/talk.mp4"}
    assert set(table["input_sha256"].to_pylist()) == {"s"}
    stored = table.schema.metadata
    assert json.loads(stored[b"tacit.recipe"])["model_sha256"] == "m"
    assert read_facts(tmp_path, SOURCE) == FACTS


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_part(tmp_path / name, SOURCE, RECIPE, typical(), FACTS)
    first, second = (part_path(tmp_path / n, SOURCE).read_bytes() for n in ("one", "two"))
    assert first == second


def test_a_session_without_windows_fits_the_others(tmp_path: Path) -> None:
    other = BatchInput(name="b.wav", path=Path("b.wav"))
    write_part(tmp_path, SOURCE, RECIPE, typical(), FACTS)
    assert write_part(tmp_path, other, RECIPE, finished([ready()]), FACTS) == 0
    whole = pyarrow.dataset.dataset(tmp_path / "results").to_table()
    assert whole.num_rows == len(rows(typical()))


def test_without_a_readable_part_there_are_no_facts(tmp_path: Path) -> None:
    assert read_facts(tmp_path, SOURCE) is None
    path = part_path(tmp_path, SOURCE)
    write_part(tmp_path, SOURCE, RECIPE, typical(), FACTS)
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", whole[: len(whole) // 2], whole[:-4] + b"XXXX"):
        path.write_bytes(damaged)
        assert read_facts(tmp_path, SOURCE) is None
    pq.write_table(pq.read_table(_written(tmp_path)).replace_schema_metadata({}), path)
    assert read_facts(tmp_path, SOURCE) is None


def _written(tmp_path: Path) -> Path:
    write_part(tmp_path / "again", SOURCE, RECIPE, typical(), FACTS)
    return part_path(tmp_path / "again", SOURCE)


def test_a_full_disk_leaves_the_old_part_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_part(tmp_path, SOURCE, RECIPE, typical(), FACTS)
    before = part_path(tmp_path, SOURCE).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_part(tmp_path, SOURCE, RECIPE, finished([ready()]), FACTS)
    assert [p.name for p in (tmp_path / "results").iterdir()] == [f"{SOURCE.id}.parquet"]
    assert part_path(tmp_path, SOURCE).read_bytes() == before


def test_what_a_killed_worker_left_is_swept_away(tmp_path: Path) -> None:
    write_part(tmp_path, SOURCE, RECIPE, typical(), FACTS)
    (tmp_path / "results" / ".x.parquet.17.tmp").write_bytes(b"half")
    sweep(tmp_path)
    assert [p.name for p in (tmp_path / "results").iterdir()] == [f"{SOURCE.id}.parquet"]
