from pathlib import Path

import numpy as np
import pytest

from tacit.stream.errors import MediaError
from tools.health_clips import BLOCK, RATE_HZ, Clip, load_clip, load_clips, split

NS_PER_S = 1_000_000_000


def clip(name: str = "a", seconds: float = 1.5) -> Clip:
    sound = np.arange(round(seconds * RATE_HZ), dtype=np.float32)
    pictures = tuple(np.full((8, 8, 3), k, np.uint8) for k in range(5))
    return Clip(name, sound, pictures, 25.0)


def test_a_clip_goes_on_from_its_end_to_its_beginning() -> None:
    blocks = list(clip().hear(4.0))
    assert len(blocks) == 200
    assert [b.t_capture_ns for b in blocks[:3]] == [0, NS_PER_S // 50, NS_PER_S // 25]
    whole = np.concatenate([b.data for b in blocks])
    assert whole[round(1.5 * RATE_HZ)] == 0.0
    assert whole[-1] == 4 * RATE_HZ - 2 * 1.5 * RATE_HZ - 1
    assert {b.data.size for b in blocks} == {BLOCK}
    pictures = list(clip().watch(1.0))
    assert [p.data[0, 0, 0] for p in pictures[:7]] == [0, 1, 2, 3, 4, 0, 1]
    assert pictures[-1].t_end_ns == NS_PER_S


def test_every_second_clip_by_name_is_held_out() -> None:
    parts = split([clip(name) for name in ("d", "b", "a", "c", "e")])
    assert [c.name for c in parts["fit"]] == ["a", "c", "e"]
    assert [c.name for c in parts["held_out"]] == ["b", "d"]


@pytest.mark.media
def test_a_real_recording_is_decoded(sample: Path) -> None:
    found = load_clip(sample)
    assert found.sound_s == pytest.approx(len(found.pictures) / found.fps, abs=0.3)
    assert found.pictures[0].shape[2] == 3
    assert not load_clip(sample, pictures=False).pictures


def test_a_folder_without_recordings_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="--root"):
        load_clips(tmp_path)
