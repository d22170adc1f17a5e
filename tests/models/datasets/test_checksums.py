import hashlib
from pathlib import Path

import pytest

from tacit.models.datasets.checksums import digest_of, digest_of_all, verify, verify_one
from tacit.models.errors import DatasetError


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_files_and_folders_are_checked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"one")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").write_bytes(b"two")
    assert digest_of(tmp_path / "a.csv") == sha(b"one")
    folder = sha(f"x {sha(b'two')}\n".encode())
    assert digest_of_all((tmp_path / "f").iterdir()) == folder
    verify(tmp_path, {"a.csv": sha(b"one"), "f/": folder})
    (tmp_path / "f" / "x").write_bytes(b"twi")
    with pytest.raises(DatasetError, match=r"f: its SHA-256 is .* --unchecked takes it all the"):
        verify(tmp_path, {"f/": folder})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: no such data folder; give it with --root"):
        verify(tmp_path / "nowhere", {})
    with pytest.raises(DatasetError, match=r"a\.csv: missing; give the data folder"):
        verify(tmp_path, {"a.csv": "0"})
    with pytest.raises(DatasetError, match="f: missing"):
        verify(tmp_path, {"f/": "0"})


def test_a_demanded_digest_is_held_to(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"x")
    assert verify_one(path, None) == verify_one(path, sha(b"x").upper()) == sha(b"x")
    with pytest.raises(DatasetError, match="not 00 as demanded"):
        verify_one(path, "00")
