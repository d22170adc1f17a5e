import numpy as np
import pytest

from tools.portrait import (
    BROWS,
    CHIN,
    EYE_CORNERS,
    LOWER_LIDS,
    LOWER_LIP,
    MOUTH_CORNERS,
    UPPER_LIDS,
    Expression,
    Float32,
    Portrait,
)

SIZE = (320, 240)


def place(points: Float32, numbers: tuple[int, ...], left: float, right: float, y: float) -> None:
    points[list(numbers), 0] = np.linspace(left, right, len(numbers))
    points[list(numbers), 1] = y


@pytest.fixture
def portrait() -> Portrait:
    """A face of known geometry: a vertical ramp, so that a value tells where a pixel came from."""
    still = np.repeat(np.arange(240, dtype=np.uint8)[:, None, None], 240, axis=1).repeat(3, axis=2)
    points = np.full((478, 2), 120.0, dtype=np.float32)
    for side, (left, right) in enumerate(((70.0, 100.0), (140.0, 170.0))):
        place(points, UPPER_LIDS[side], left, right, 90.0)
        place(points, LOWER_LIDS[side], left, right, 98.0)
        points[list(UPPER_LIDS[side][1:-1]), 1] = 88.0
        place(points, BROWS[side], left, right, 76.0)
    points[list(EYE_CORNERS)] = [(70.0, 92.0), (170.0, 92.0)]
    place(points, LOWER_LIP, 100.0, 140.0, 150.0)
    points[list(MOUTH_CORNERS)] = [(98.0, 148.0), (142.0, 148.0)]
    points[CHIN] = (120.0, 185.0)
    return Portrait(still, points)


def changed_rows(portrait: Portrait, expression: Expression) -> set[int]:
    """Rows of the still (in px) whose look differs from the expressionless picture."""
    plain = portrait.draw(Expression(), 0.0, SIZE).astype(int)
    moved = portrait.draw(expression, 0.0, SIZE).astype(int)
    differs = np.abs(moved - plain).max(axis=2) > 2
    return set(np.unique(plain[differs][:, 0]).tolist())


def test_the_same_arguments_draw_the_same_picture(portrait: Portrait) -> None:
    first = portrait.draw(Expression(mouth=0.5), 1.0, SIZE)
    assert first.shape == (240, 320, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, portrait.draw(Expression(mouth=0.5), 1.0, SIZE))


def test_the_camera_moves_with_time(portrait: Portrait) -> None:
    still, later = (portrait.draw(Expression(), t_s, SIZE) for t_s in (0.0, 1.5))
    assert not np.array_equal(still, later)


@pytest.mark.parametrize(
    ("expression", "near"),
    [
        (Expression(blink=1.0), 94.0),
        (Expression(lids=1.0), 88.0),
        (Expression(corners=1.0), 148.0),
        (Expression(corners=-1.0), 148.0),
        (Expression(brows=1.0), 76.0),
        (Expression(brows=-1.0), 76.0),
    ],
)
def test_an_expression_moves_its_own_part_of_the_face(
    portrait: Portrait, expression: Expression, near: float
) -> None:
    rows = changed_rows(portrait, expression)
    assert rows
    assert abs(np.median(sorted(rows)) - near) < 20.0


def test_an_open_jaw_shows_the_dark_of_the_mouth_and_leaves_the_upper_face(
    portrait: Portrait,
) -> None:
    plain = portrait.draw(Expression(), 0.0, SIZE)
    spoken = portrait.draw(Expression(mouth=1.0), 0.0, SIZE)
    upper = plain[..., 0] < 140
    assert np.array_equal(plain[upper], spoken[upper])
    reddish = (spoken[..., 2].astype(int) - spoken[..., 1]) > 20
    assert reddish.sum() > 50


def test_a_picture_without_a_face_is_refused() -> None:
    with pytest.raises(ValueError, match="no face in the still"):
        Portrait.find(np.zeros((64, 64, 3), dtype=np.uint8))
