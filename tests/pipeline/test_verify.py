import json
from pathlib import Path

import pytest

from tacit.pipeline.recorded import RecordedSession
from tacit.pipeline.verify import Verdict, verify
from tacit.stream.recording import Entry, Facts, RecordingWriter, Topic
from tacit.stream.recording_reader import RecordingReader
from tests.fakes.small_session import SmallPredictor, record_small


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("small") / "s.mcap"
    return path, len(record_small(path))


def verdict_on(path: Path) -> Verdict:
    return verify(RecordedSession(path, SmallPredictor()))


def test_a_whole_session_is_the_same_again(small: tuple[Path, int]) -> None:
    verdict = verdict_on(small[0])
    assert verdict.good
    assert (verdict.equal, verdict.compared) == (small[1], small[1])
    assert verdict.problem == ""


def test_a_cut_session_is_compared_as_far_as_it_goes(
    small: tuple[Path, int], tmp_path: Path
) -> None:
    content = small[0].read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(content[: len(content) // 2])
    verdict = verdict_on(cut)
    assert verdict.good
    assert 3 < verdict.equal < small[1]
    assert verdict.problem == "the file is cut"


def rewrite(source: Path, target: Path, field: str) -> int:
    """Copy a recording with one value of one result changed; its event number."""
    changed = -1
    with RecordingWriter(target) as writer:
        for record in RecordingReader(source):
            if isinstance(record, Facts):
                writer.facts(record)
            if not isinstance(record, Entry):
                continue
            data = record.data
            if record.topic == "/results" and changed < 0:
                event = json.loads(data)
                changed = event["seq"]
                event["fused"][field] = 0.123
                data = json.dumps(event).encode()
            writer.write(Topic(record.topic, record.encoding), record.t_ns, data)
    return changed


def test_a_planted_change_is_found_and_named(small: tuple[Path, int], tmp_path: Path) -> None:
    path = tmp_path / "changed.mcap"
    seq = rewrite(small[0], path, "valence")
    verdict = verdict_on(path)
    assert not verdict.good
    assert verdict.difference is not None
    assert (verdict.difference.seq, verdict.difference.field) == (seq, "fused.valence")
    assert (verdict.difference.left, verdict.difference.right) == (0.123, 0.25)
    assert verdict.equal == seq


def test_a_changed_byte_is_never_good(small: tuple[Path, int], tmp_path: Path) -> None:
    content = bytearray(small[0].read_bytes())
    place = content.index(b'"valence":0.25') + len(b'"valence":0.2')
    content[place] = ord("6")
    path = tmp_path / "changed.mcap"
    path.write_bytes(content)
    verdict = verdict_on(path)
    assert verdict.changed
    assert not verdict.good
