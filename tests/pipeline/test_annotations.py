from pathlib import Path

import pytest
from pympi import Eaf

from tacit.pipeline.annotations import Annotation, AnnotationError, read_annotations
from tacit.pipeline.export.elan import write_elan
from tests.fakes.finished import typical


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_times_are_in_ms_or_in_seconds_by_the_names_of_the_columns(tmp_path: Path) -> None:
    in_ms = read_annotations(table(tmp_path, "start_ms,end_ms,label\n500,1500,joy\n"))
    in_s = read_annotations(table(tmp_path, "start,end,label\n0.5,1.5,Happy\n"))
    assert in_ms.annotations == in_s.annotations == (Annotation(500, 1500, "happiness"),)


def test_continuous_columns_and_participants_are_read(tmp_path: Path) -> None:
    header = "end\tvalence\tnote\tstart\tarousal\tparticipant\n"
    text = header + "2\t-0.5\tx\t1\t\tp2\n1\t0.2\ty\t0\t1\tp1\n"
    found = read_annotations(table(tmp_path, text, "labels.tsv")).annotations
    assert found == (
        Annotation(0, 1000, None, 0.2, 1.0, "p1"),
        Annotation(1000, 2000, None, -0.5, None, "p2"),
    )


def test_other_labels_are_counted_and_left_out(tmp_path: Path) -> None:
    text = "\ufeffstart,end,label\n0,1,contempt\n1,2, contempt\n\n2,3,SAD\n3,4,\n"
    found = read_annotations(table(tmp_path, text))
    assert [a.emotion for a in found.annotations] == ["sadness"]
    assert found.unknown == {"contempt": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start,end,label\n0,1,joy\n1,x,joy\n", "line 3: end is 'x', not a number"),
        ("start,end,label\n2,1,joy\n", "line 2: it starts at 2000 ms and ends at 1000 ms"),
        ("start,end,label\n-1,1,joy\n", "line 2: it starts at -1000 ms"),
        ("start,end,label\n0,inf,joy\n", "line 2: end is 'inf'"),
        ("start,end,label\n0\n", "line 2: end is '', not a number"),
        ("start,end,valence\n0,1,7\n", "line 2: valence is 7, not from -1 to 1"),
        ("start,end,valence\n0,1,nan\n", "line 2: valence is 'nan'"),
        ("onset,offset,label\n0,1,joy\n", "line 1: needs columns start_ms,end_ms"),
        ("start,end,start_ms,end_ms,label\n", "not both"),
        ("start,end,mood\n0,1,joy\n", "line 1: needs a column label, valence or arousal"),
        ("", "line 1: needs columns"),
        ("start,end,label\n0,1,bored\n", "its labels are bored; emotions are neutral"),
        ("start,end,label\n", "holds no annotation"),
    ],
)
def test_a_bad_table_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_annotations(table(tmp_path, text))
    assert said in str(caught.value)
    assert "labels.csv" in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"start,end,label\n\xff\xfe,1,joy\n")
    for name, said in (
        ("none.csv", "cannot be read"),
        ("none.eaf", "cannot be read"),
        ("a.csv", "cannot be read"),
        ("a.txt", "annotations are .eaf, .csv or .tsv"),
    ):
        with pytest.raises(AnnotationError, match=said):
            read_annotations(tmp_path / name)
    for text in ("", "<a/>", "no xml"):
        with pytest.raises(AnnotationError, match="is no ELAN document"):
            read_annotations(table(tmp_path, text, "b.eaf"))


def document(folder: Path, *tiers: str) -> Path:
    eaf = Eaf()
    for name in tiers:
        eaf.add_tier(name, part="p1")
        eaf.add_annotation(name, 1000, 2000, "anger")
        eaf.add_annotation(name, 0, 1000, "?")
    eaf.to_file(str(folder / "a.eaf"))
    return folder / "a.eaf"


def test_an_elan_tier_is_read_with_its_participant(tmp_path: Path) -> None:
    found = read_annotations(document(tmp_path, "rater 1"))
    assert found.annotations == (Annotation(1000, 2000, "anger", participant="p1"),)
    assert found.unknown == {"?": 1}


def test_several_tiers_need_a_name(tmp_path: Path) -> None:
    path = document(tmp_path, "rater 1", "rater 2")
    with pytest.raises(AnnotationError, match="--tier: rater 1, rater 2"):
        read_annotations(path)
    assert len(read_annotations(path, "rater 2").annotations) == 1
    with pytest.raises(AnnotationError, match="has no tier rater 3"):
        read_annotations(path, "rater 3")
    with pytest.raises(AnnotationError, match="--tier is for ELAN"):
        read_annotations(table(tmp_path, "start,end,label\n0,1,joy\n"), "rater 1")


def test_our_own_documents_come_back(tmp_path: Path) -> None:
    path = tmp_path / "talk.eaf"
    write_elan(typical(), path, path)
    emotions = read_annotations(path, "p1 expressed emotion")
    assert len(emotions.annotations) == 5
    assert emotions.unknown == {"not measured": 1}
    valence = read_annotations(path, "p1 valence").annotations
    assert [a.valence for a in valence] == [0.4] * 5
