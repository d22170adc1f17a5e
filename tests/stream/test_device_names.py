import pytest

from tacit.stream.device_names import DeviceName, choose
from tacit.stream.errors import DeviceError

CAMS = [DeviceName("Cam", "Cam (a)"), DeviceName("Cam", "Cam (b)"), DeviceName("Eye", "Eye (c)")]


def test_only_twins_are_shown_with_their_address() -> None:
    assert [name.shown(CAMS) for name in CAMS] == ["Cam (a)", "Cam (b)", "Eye"]


def test_the_whole_name_goes_before_a_part() -> None:
    assert choose("camera", "Eye", [*CAMS, DeviceName("Eye Two", "Eye Two")]) == 2
    assert choose("camera", "EYE", CAMS) == 2
    assert choose("camera", "Cam (b)", CAMS) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Cam", r"camera 'Cam' could be any of 'Cam \(a\)'; 'Cam \(b\)'; see `tacit devices`"),
        ("Nose", r"camera 'Nose' is not among 'Cam \(a\)'; 'Cam \(b\)'; 'Eye'"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_there_is(asked: str, told: str) -> None:
    with pytest.raises(DeviceError, match=told):
        choose("camera", asked, CAMS)


def test_names_that_cannot_be_told_apart_need_the_user() -> None:
    same = [DeviceName("Cam", "Cam")] * 2
    with pytest.raises(DeviceError, match="2 devices have this name; unplug all but one"):
        choose("camera", "Cam", same)
