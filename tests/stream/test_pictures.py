import av
import numpy as np
import pytest

from tacit.stream.pictures import PictureSize, upright_bgr


@pytest.mark.parametrize(
    ("width", "height", "fitted"),
    [(640, 480, (640, 480)), (1280, 720, (640, 360)), (720, 1280, (360, 640)), (2, 2, (2, 2))],
)
def test_large_pictures_shrink_and_keep_their_shape(
    width: int, height: int, fitted: tuple[int, int]
) -> None:
    assert PictureSize(640, 1.0).fit(width, height) == fitted


def test_wide_pixels_make_a_wider_picture() -> None:
    assert PictureSize(640, 2.0).fit(100, 100) == (200, 100)


def test_a_decoded_picture_comes_out_with_its_colours_in_order() -> None:
    orange = np.full((48, 64, 3), (20, 120, 230), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(orange, format="bgr24").reformat(format="yuv444p")
    picture = upright_bgr(frame, PictureSize(32, 1.0))
    assert picture.shape == (24, 32, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - orange[:24, :32]).max() <= 4
