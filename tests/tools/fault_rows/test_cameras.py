import pytest

from tools.fault_rows.cameras import OUTAGE_S
from tools.fault_rows.catalog import all_faults

pytestmark = pytest.mark.unit


def test_the_outage_is_long_enough_for_the_process_to_be_given_up() -> None:
    from tacit.stream.limits import CAMERA_STALL_NS

    assert OUTAGE_S * 1e9 > CAMERA_STALL_NS + 1e9
    assert all_faults()["camera-unplugged"].limits.recover_ms == 2000
