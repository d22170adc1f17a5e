from pathlib import Path

from tacit.pipeline.training.ledger import Finished, Ledger, digest, hashes, write_whole


def finished(weights: Path) -> Finished:
    (weights / "a").mkdir(parents=True)
    (weights / "a" / "model").write_text("x")
    return Finished("a", "f" * 64, hashes(weights, ("a",)), {"valid.uar": 0.5}, 1.0)


def test_a_finished_stage_is_read_back(tmp_path: Path) -> None:
    done, ledger = finished(tmp_path / "w"), Ledger(tmp_path)
    assert ledger.read("a", tmp_path / "w", ("a",)) is None
    ledger.write(done)
    assert ledger.read("a", tmp_path / "w", ("a",)) == done


def test_a_changed_missing_or_further_file_undoes_it(tmp_path: Path) -> None:
    done, ledger, folder = finished(tmp_path / "w"), Ledger(tmp_path), tmp_path / "w" / "a"
    ledger.write(done)
    (folder / "model").write_text("y")
    assert ledger.read("a", tmp_path / "w", ("a",)) is None
    (folder / "model").write_text("x")
    assert ledger.read("a", tmp_path / "w", ("a",)) == done
    (folder / "more").write_text("z")
    assert ledger.read("a", tmp_path / "w", ("a",)) is None


def test_half_a_note_is_no_note(tmp_path: Path) -> None:
    """What a kill in the middle of a write would leave if writes were not whole."""
    done, ledger = finished(tmp_path / "w"), Ledger(tmp_path)
    ledger.write(done)
    path = tmp_path / "stages" / "a.json"
    path.write_bytes(path.read_bytes()[:40])
    assert ledger.read("a", tmp_path / "w", ("a",)) is None


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_whole(path, "one")
    write_whole(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_identity_and_digest_depend_on_content_alone(tmp_path: Path) -> None:
    done = finished(tmp_path / "w")
    again = Finished("b", "", dict(reversed(list(done.files.items()))), {}, 9.0)
    assert done.identity == again.identity
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1})
