import math
from collections import Counter
from pathlib import Path

import pytest

from tacit.pipeline.training.errors import TrainError
from tacit.pipeline.training.labels import LabelledClip, read_labels, split_by_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = tmp_path / "clips"
    (clips / "more").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "more/c.wav"):
        (clips / name).write_bytes(b"")
    return clips


def table(folder: Path, text: str) -> Path:
    path = folder.parent / "labels.csv"
    path.write_text(text)
    return path


def test_a_table_is_read(folder: Path) -> None:
    text = (
        "file, label,split,start_s,end_s,who\na.wav,Happy,train,,,x\nmore/c.wav,anger,dev,0.5,2,y\n"
    )
    first, second = read_labels(table(folder, text), folder)
    assert first == LabelledClip("a.wav", folder / "a.wav", "happiness", "train", 0.0, math.inf)
    assert second.name == "more/c.wav"
    assert (second.emotion, second.part) == ("anger", "valid")
    assert (second.start_s, second.end_s) == (0.5, 2.0)


def test_a_byte_order_mark_and_blank_lines_do_no_harm(folder: Path) -> None:
    path = table(folder, "")
    path.write_bytes(b"\xef\xbb\xbffile,label\r\n\r\na.wav,sad\r\n")
    assert [c.emotion for c in read_labels(path, folder)] == ["sadness"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels\.csv: empty; wanted: a header file,label"),
        ("file,label\n", r"labels\.csv: no clips in it, only a header"),
        ("path,label\na.wav,sad\n", r"line 1: no column named file"),
        ("file,label\nz.wav,sad\n", r"line 2: .*z\.wav: no such file"),
        ("file,label\na.wav,sad\nb.wav,bored\n", r"line 3: label 'bored' is none of neutral, hap"),
        ("file,label\na.wav\n", r"line 2: label '' is none of"),
        ("file,label\n,sad\n", r"line 2: no file named"),
        ("file,label,split\na.wav,sad,later\n", r"line 2: split 'later' is none of train, valid"),
        ("file,label,start_s\na.wav,sad,soon\n", r"line 2: start_s 'soon' is no time"),
        ("file,label,end_s\na.wav,sad,nan\n", r"line 2: end_s 'nan' is no time"),
        ("file,label,start_s,end_s\na.wav,sad,2,1\n", r"end_s 1 is not after start_s 2"),
        (
            "file,label,split\na.wav,sad,train\na.wav,sad,test\n",
            r"a\.wav is in test and train; one part a file",
        ),
        ('file,label\n"a.wav,sad\n', r"labels\.csv: line"),
    ],
)
def test_a_mistake_is_named_by_its_line(text: str, message: str, folder: Path) -> None:
    with pytest.raises(TrainError, match=message):
        read_labels(table(folder, text), folder)


def test_a_missing_table_or_folder_is_named(folder: Path) -> None:
    with pytest.raises(TrainError, match=r"none\.csv: no such table of labels"):
        read_labels(folder / "none.csv", folder)
    with pytest.raises(TrainError, match="nowhere: no such folder of clips"):
        read_labels(table(folder, "file,label\n"), folder / "nowhere")


def clips(*pairs: tuple[str, str]) -> list[LabelledClip]:
    return [LabelledClip(name, Path(name), label) for name, label in pairs]  # type: ignore[arg-type]


def test_a_quarter_of_each_class_is_set_apart_whatever_the_order() -> None:
    given = clips(*((f"{e}{i}.wav", e) for e in ("anger", "fear") for i in range(8)))
    found = split_by_file(given)
    counts = Counter((c.emotion, c.part) for c in found)
    assert counts == {
        ("anger", "train"): 6,
        ("anger", "valid"): 2,
        ("fear", "train"): 6,
        ("fear", "valid"): 2,
    }
    assert {c.name: c.part for c in split_by_file(given[::-1])} == {c.name: c.part for c in found}


def test_stretches_of_one_file_stay_together_and_a_lone_file_is_trained_on() -> None:
    found = split_by_file(
        clips(
            *((f"{i}.wav", "anger") for i in range(4)), ("0.wav", "fear"), ("lone.wav", "sadness")
        )
    )
    assert len({c.part for c in found if c.name == "0.wav"}) == 1
    assert next(c for c in found if c.name == "lone.wav").part == "train"
