"""SHA-256 of the data files whose splits are published here, so that tables mean the same data."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..errors import DatasetError

BLOCK: Final = 1 << 20


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        DatasetError: missing or unreadable.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing; give the data folder with --root") from exc
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc
    return digest.hexdigest()


def digest_of_all(paths: Iterable[Path]) -> str:
    """One SHA-256 of many files: of their names and digests, in the order of names."""
    lines = [f"{path.name} {digest_of(path)}\n" for path in sorted(paths)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def verify(root: Path, wanted: Mapping[str, str]) -> None:
    """Check files, or all files of a folder, against their digests.

    Args:
        root: the data folder.
        wanted: digest by relative path; a path that ends in / is a folder (`digest_of_all`).

    Raises:
        DatasetError: the folder or a file is missing, or its content is another one.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such data folder; give it with --root or TACIT_DATA")
    for name, expected in wanted.items():
        path = root / name
        if name.endswith("/"):
            if not path.is_dir():
                raise DatasetError(f"{path}: missing; give the data folder with --root")
            found = digest_of_all(p for p in path.iterdir() if p.is_file())
        else:
            found = digest_of(path)
        if found != expected:
            raise DatasetError(
                f"{path}: its SHA-256 is {found[:16]}…, {expected[:16]}… expected: other data than "
                "the published tables were made from; --unchecked takes it all the same"
            )


def verify_one(path: Path, expected: str | None) -> str:
    """Digest of a user's own file, checked if one is expected.

    Raises:
        DatasetError: missing, or another content.
    """
    found = digest_of(path)
    if expected is not None and found != expected.lower():
        raise DatasetError(f"{path}: its SHA-256 is {found}, not {expected} as demanded")
    return found
