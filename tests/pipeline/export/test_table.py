from tacit.models.labels import EMOTIONS
from tacit.pipeline.export.table import COLUMNS, FUSED_NAMES, facts, rows, to_table
from tests.fakes.finished import finished, ready, result, typical

ROWS_PER_WINDOW = len(FUSED_NAMES) + 3 * len(EMOTIONS)


def test_each_window_has_a_row_per_modality_and_name() -> None:
    found = rows(finished([ready(), result(0), result(500)]))
    assert len(found) == 2 * ROWS_PER_WINDOW
    assert [r.name for r in found[: len(FUSED_NAMES)]] == list(FUSED_NAMES)
    assert {r.modality for r in found} == {"fused", "audio", "face", "text"}
    assert len({(r.window_start_ms, r.modality, r.name) for r in found}) == len(found)


def test_values_are_those_of_the_events() -> None:
    found = {(r.modality, r.name): r for r in rows(finished([result(500, "anger", valence=-0.5)]))}
    assert found["fused", "anger"].value == 0.7
    assert found["fused", "valence"].value == -0.5
    assert found["face", "fear"].value == 0.05
    first = found["fused", "anger"]
    assert (first.session, first.window_start_ms, first.window_end_ms) == ("talk", 500, 3500)


def test_what_was_not_measured_is_none_and_says_so() -> None:
    found = rows(finished([result(0, sources={"audio": "absent", "face": "recovered"})]))
    fused = [r for r in found if r.modality == "fused"]
    assert all(r.value is None and r.source == "absent" and r.abstained for r in fused)
    assert {r.source for r in found if r.modality == "face"} == {"recovered"}
    assert all(r.value is not None for r in found if r.modality == "face")
    assert all(r.value is None and r.state == "lost" for r in found if r.modality == "audio")


def test_one_measured_modality_makes_the_fused_one_measured() -> None:
    found = rows(finished([result(0, sources={"audio": "measured", "face": "recovered"})]))
    assert {r.source for r in found if r.modality == "fused"} == {"measured"}
    assert {r.state for r in found if r.modality == "fused"} == {None}


def test_a_revised_window_has_its_last_reading_only() -> None:
    found = rows(typical())
    assert len(found) == 6 * ROWS_PER_WINDOW
    revised = [r for r in found if r.window_start_ms == 500 and r.modality == "fused"]
    assert {r.revision for r in revised} == {1}
    assert max(revised, key=lambda r: r.value or 0).name in ("neutral", "confidence")


def test_a_session_without_results_has_no_rows() -> None:
    assert rows(finished([ready()])) == []
    assert facts(finished([]))["session"] == "talk"


def test_the_arrow_table_holds_the_rows_and_the_facts() -> None:
    table = to_table(typical())
    assert table.column_names == list(COLUMNS)
    assert [tuple(r.values()) for r in table.to_pylist()] == [tuple(r) for r in rows(typical())]
    assert table.schema.metadata[b"tacit.session"] == b"talk"
    assert table.schema.metadata[b"tacit.model_sha256"] == b"ab" * 32


def test_an_arrow_table_without_rows_has_all_columns() -> None:
    table = to_table(finished([ready()]))
    assert table.num_rows == 0
    assert table.column_names == list(COLUMNS)
