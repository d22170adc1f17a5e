import gc
from pathlib import Path

import av
import numpy as np
import pytest

from tacit.stream.pictures import PictureSize, Turn, upright_bgr


@pytest.mark.parametrize(
    ("width", "height", "fitted"),
    [
        (640, 480, (640, 480)),
        (960, 540, (960, 540)),
        (961, 541, (640, 360)),
        (1280, 720, (640, 360)),
        (720, 1280, (360, 640)),
        (2, 2, (2, 2)),
    ],
)
def test_large_pictures_shrink_and_keep_their_shape(
    width: int, height: int, fitted: tuple[int, int]
) -> None:
    assert PictureSize(640, 1.0).fit(width, height) == fitted


def test_wide_pixels_make_a_wider_picture() -> None:
    assert PictureSize(640, 2.0).fit(100, 100) == (200, 100)


@pytest.mark.parametrize("max_side", [32, 64])
def test_a_grey_picture_keeps_its_level(max_side: int) -> None:
    planes = np.full((72, 64), 128, dtype=np.uint8)
    planes[:48] = 102  # in limited range; 100.1 in full
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    assert abs(float(upright_bgr(frame, PictureSize(max_side, 1.0), Turn()).mean()) - 100) <= 1.5


def test_a_decoded_picture_comes_out_with_its_colours_in_order() -> None:
    orange = np.full((48, 64, 3), (20, 120, 230), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(orange, format="bgr24").reformat(format="yuv444p")
    picture = upright_bgr(frame, PictureSize(32, 1.0), Turn())
    assert picture.shape == (24, 32, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - orange[:24, :32]).max() <= 4


def test_pictures_are_freed_at_once_and_not_by_the_garbage_collector(sample: Path) -> None:
    def alive() -> int:
        return sum(issubclass(type(each), av.VideoFrame) for each in gc.get_objects())

    size, turn = PictureSize(640, 1.0), Turn()
    gc.collect()
    before = alive()
    gc.disable()
    try:
        with av.open(str(sample)) as container:
            for frame, _ in zip(container.decode(video=0), range(30), strict=False):
                upright_bgr(frame, size, turn)
        del frame
        # PyAV ties the first one to itself, because it was asked how the stream is turned.
        assert alive() - before <= 2
    finally:
        gc.enable()
