import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from tacit.stream.errors import RecordingError
from tacit.stream.recording import Entry, Facts, RecordingWriter, Topic
from tacit.stream.recording_reader import RecordingReader, Tail, is_recording

TOPIC = Topic("/p1/audio/features", "raw")


def record(path: Path, sizes: list[int], every: int = 50) -> list[bytes]:
    """A recording of random messages with a checkpoint after every so many."""
    made = [random.Random(n).randbytes(size) for n, size in enumerate(sizes)]
    with RecordingWriter(path) as writer:
        writer.facts(Facts("about", {"name": "x"}))
        for n, data in enumerate(made):
            writer.write(TOPIC, n, data)
            if n % every == every - 1:
                writer.checkpoint(synchronise=False)
    return made


def read(path: Path) -> tuple[list[bytes], Tail]:
    reader = RecordingReader(path)
    found = [r.data for r in reader if isinstance(r, Entry)]
    return found, reader.tail


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[bytes]]:
    path = tmp_path_factory.mktemp("recording") / "s.mcap"
    made = record(path, [200 + n % 80 for n in range(120)])
    return path.read_bytes(), made


def test_cut_at_every_byte_it_loses_at_most_the_last_record(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cut.mcap"
    made = record(path, [600 + 40 * n for n in range(13)], every=5)
    content = path.read_bytes()
    ends = []
    with path.open("r+b") as file:
        for size in range(len(content) - 1, len(content) - 10_000, -1):
            file.truncate(size)
            found, tail = read(path)
            assert found == made[: len(found)]
            assert not tail.changed
            ends.append(len(found))
    # One byte fewer costs at most one record.
    assert {a - b for a, b in itertools.pairwise(ends)} <= {0, 1}
    assert ends[0] == len(made)


def test_what_is_cut_off_is_told(tmp_path: Path, whole: tuple[bytes, list[bytes]]) -> None:
    content, _ = whole
    path = tmp_path / "cut.mcap"
    path.write_bytes(content[:5000])
    _, tail = read(path)
    assert not tail.complete
    assert tail.problem == "the file is cut"
    assert 0 < tail.lost_bytes < 400


def test_a_flipped_bit_is_never_passed_off_as_a_confirmed_record(
    tmp_path: Path, whole: tuple[bytes, list[bytes]]
) -> None:
    content, made = whole
    path = tmp_path / "flipped.mcap"
    rng = random.Random(7)
    for _ in range(150):
        changed = bytearray(content)
        # The last 2 kB are the summary, which only indexes what was read before.
        place = rng.randrange(8, len(content) - 2000)
        changed[place] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        found, tail = read(path)
        good = sum(a == b for a, b in zip(found, made, strict=False))
        if tail.changed or tail.complete:
            # Everything that was given out is as it was written.
            assert found == made[:good]
        else:
            assert tail.problem
        assert good >= len(found) - 50


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mcap"
    path.write_text("these are notes")
    assert not is_recording(path)
    with pytest.raises(RecordingError, match=r"notes\.mcap: not an MCAP file"):
        RecordingReader(path)
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        RecordingReader(tmp_path / "none.mcap")
    with pytest.raises(RecordingError, match="cannot be read: Is a directory"):
        is_recording(tmp_path)


def test_a_chunked_file_of_another_program_is_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.NONE)
        writer.start()
        channel = writer.register_channel("/x", "raw", 0)
        writer.add_message(channel, 0, b"data", 0)
        writer.finish()
    found, tail = read(path)
    assert found == []
    assert "which Tacit does not write" in tail.problem


@pytest.mark.fuzz
@settings(deadline=None)
@given(
    cut=st.integers(0, 6000),
    junk=st.binary(max_size=300),
    magic=st.booleans(),
)
def test_any_bytes_give_records_or_a_recording_error(
    whole: tuple[bytes, list[bytes]],
    tmp_path_factory: pytest.TempPathFactory,
    cut: int,
    junk: bytes,
    magic: bool,
) -> None:
    content, _ = whole
    path = tmp_path_factory.getbasetemp() / "fuzz.mcap"
    path.write_bytes((content[: max(cut, 8)] if magic else b"") + junk + content[cut : cut + 500])
    try:
        reader = RecordingReader(path)
        list(reader)
    except RecordingError:
        return
    assert reader.tail.complete or reader.tail.problem
