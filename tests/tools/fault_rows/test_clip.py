import numpy as np
import pytest

from tools.fault_rows.clip import sample_clip, sample_path

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]


def test_the_sample_is_played_again_and_again_and_never_digitally_silent() -> None:
    clip = sample_clip()
    assert sample_path().name == "sample.mp4"
    count = len(clip.pictures)
    assert np.array_equal(clip.picture(count + 3), clip.pictures[3])
    assert all(np.abs(block).max() > 2.0**-16 for block in clip.sounds)
    assert {block.size for block in clip.sounds} == {320}
