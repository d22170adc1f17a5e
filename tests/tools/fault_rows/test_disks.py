from pathlib import Path

import pytest

from tests.fakes.fault_runs import run_patiently
from tools.fault_rows.disks import small_disk, why_no_disk

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "name", ["disk-slow", "disk-writes-short", "disk-read-only", "recorder-killed"]
)
def test_recordings_survive_their_disk(name: str, tmp_path: Path) -> None:
    run_patiently(name, tmp_path)


@pytest.mark.skipif(bool(why_no_disk()), reason="needs root on Linux")
def test_a_small_disk_is_small_and_gone_afterwards(tmp_path: Path) -> None:
    try:
        with (
            small_disk(tmp_path / "disk", 1 << 20) as disk,
            pytest.raises(OSError, match="No space left"),
        ):
            (disk / "file").write_bytes(bytes(2 << 20))
    except OSError as exc:
        pytest.skip(f"no file system of its own: {exc}")
    assert list((tmp_path / "disk").iterdir()) == []
