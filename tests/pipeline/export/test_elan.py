from pathlib import Path

from pympi import Eaf

from tacit.models.features import Modality, Source
from tacit.pipeline.export.cues import cues
from tacit.pipeline.export.elan import quality_spans, write_elan
from tacit.pipeline.sessions import SessionData
from tests.fakes.finished import finished, result, said, typical


def written(session: SessionData, folder: Path) -> Eaf:
    write_elan(session, folder / "a.eaf", folder / "a.eaf")
    return Eaf(str(folder / "a.eaf"))


def test_each_window_is_an_annotation(tmp_path: Path) -> None:
    session = typical()
    assert write_elan(session, tmp_path / "a.eaf", tmp_path / "a.eaf") == 6
    document = Eaf(str(tmp_path / "a.eaf"))
    found = document.get_annotation_data_for_tier("p1 expressed emotion")
    assert len(found) == len(session.results)
    assert found[0] == (0, 3000, "happiness")
    assert [value for *_, value in found] == [
        "happiness", "neutral", "sadness", "not measured", "anger", "anger",
    ]  # fmt: skip


def test_valence_is_there_where_it_is_known(tmp_path: Path) -> None:
    document = written(typical(), tmp_path)
    found = document.get_annotation_data_for_tier("p1 valence")
    assert [value for *_, value in found] == ["0.4000"] * 5
    assert 4000 not in [start for start, *_ in found]
    assert len(document.get_annotation_data_for_tier("p1 arousal")) == 5


def test_what_was_not_measured_is_on_tiers_of_its_own(tmp_path: Path) -> None:
    document = written(typical(), tmp_path)
    assert document.get_annotation_data_for_tier("p1 data quality face") == [
        (3500, 4000, "recovered (lost: no_data)"),
        (4000, 4500, "absent (lost: no_data)"),
    ]
    assert document.get_annotation_data_for_tier("p1 data quality text") == [
        (0, 5500, "absent (lost: no_data)")
    ]


def test_stretches_do_not_bridge_gaps() -> None:
    bad: dict[Modality, Source] = {"face": "absent"}
    found = cues(finished([result(t, sources=bad) for t in (0, 500, 9000)]))
    assert [(a, b) for a, b, _ in quality_spans(found, "face")] == [(0, 3500), (9000, 12000)]
    assert {v for *_, v in quality_spans(found, "text")} == {"absent"}


def test_participants_have_tiers_and_unsafe_text_is_cleaned(tmp_path: Path) -> None:
    session = finished([result(0), result(0, participant="p\x012"), said(0, 900, "a\x00<b>")])
    document = written(session, tmp_path)
    assert "p 2 expressed emotion" in document.get_tier_names()
    assert document.get_annotation_data_for_tier("p1 transcript") == [(0, 900, "a <b>")]
    assert document.get_parameters_for_tier("p1 valence")["PARTICIPANT"] == "p1"


def test_transcripts_of_one_tier_do_not_overlap(tmp_path: Path) -> None:
    session = finished([result(0), said(0, 900, "a"), said(880, 1500, "b"), said(890, 900, "c")])
    found = written(session, tmp_path).get_annotation_data_for_tier("p1 transcript")
    assert found == [(0, 900, "a"), (900, 1500, "b"), (1500, 1501, "c")]


def test_media_is_linked_when_known(tmp_path: Path) -> None:
    media = tmp_path / "media" / "my talk.mp4"
    (link,) = written(typical(media), tmp_path).media_descriptors
    assert link["RELATIVE_MEDIA_URL"] == "./media/my talk.mp4"
    assert link["MEDIA_URL"] == media.resolve().as_uri()
    assert link["MIME_TYPE"] == "video/mp4"
    assert written(typical(), tmp_path).media_descriptors == []


def test_emotions_are_a_controlled_vocabulary(tmp_path: Path) -> None:
    document = written(typical(), tmp_path)
    entries = document.get_cv_entries("expressed emotion")
    words = {values[0][0] for values, _ in entries.values()}
    assert {"happiness", "abstained", "not measured"} < words
    kind = document.get_parameters_for_linguistic_type("expressed emotion")
    assert kind["CONTROLLED_VOCABULARY_REF"] == "expressed emotion"
    assert dict(document.get_properties())["tacit.session"] == "talk"
