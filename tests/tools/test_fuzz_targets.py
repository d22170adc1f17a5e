from pathlib import Path

import pytest

from tools.fuzz_targets import TARGETS, Target, frames, joined


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_good_inputs_are_read(target: Target, tmp_path: Path) -> None:
    seeds = target.seeds()
    assert target.parse(seeds[0], tmp_path) is not None
    for seed in seeds[1:]:
        try:
            target.parse(seed, tmp_path)
        except target.errors:
            continue


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_at_all_is_refused(target: Target, tmp_path: Path) -> None:
    if target.name in ("config", "inject"):
        assert target.parse(b"", tmp_path) is not None  # all defaults, no damage
        return
    with pytest.raises(target.errors):
        target.parse(b"", tmp_path)


def test_frames_come_back_and_lengths_are_not_believed() -> None:
    parts = [b"abc", b"", b"x" * 1000]
    assert frames(joined(parts)) == parts
    assert frames(b"\xff\xff\xff\xffab") == [b"ab"]
    assert frames(b"\x01") == []
    assert len(frames(b"\0\0\0\0" * 1000)) == 32
