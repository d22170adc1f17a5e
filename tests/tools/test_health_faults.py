import numpy as np
import pytest

from tacit.stream.packet import NS_PER_S
from tools.health_clips import RATE_HZ, Clip
from tools.health_faults import BEGIN_S, FAULTS, Fault, broken


def clip() -> Clip:
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(2 * RATE_HZ)).astype(np.float32)
    pictures = tuple(rng.integers(0, 255, (96, 128, 3)).astype(np.uint8) for _ in range(20))
    return Clip("a", sound, pictures, 25.0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_begins_when_it_should_and_changes_the_stream(fault: Fault) -> None:
    whole = clip()
    clean = list(whole.hear(fault.total_s) if fault.modality == "audio" else whole.watch(
        fault.total_s))  # fmt: skip
    hurt = {p.seq: p for p in broken(whole, fault, [whole])}
    begin_ns = BEGIN_S * NS_PER_S
    changed = 0
    for packet in clean:
        other = hurt.get(packet.seq)
        if packet.t_capture_ns < begin_ns:
            assert other is not None
            assert np.array_equal(other.data, packet.data)
        elif other is None or other.meta != packet.meta:
            changed += 1
        else:
            changed += not np.array_equal(other.data, packet.data)
    assert changed >= (1 if "lost by the device" in fault.name else fault.lasts_s * 4)


def test_every_fault_has_a_limit_and_a_reason() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.reasons
        assert 0 < fault.within_s <= fault.lasts_s


def test_a_name_that_is_not_known_is_refused() -> None:
    unknown = Fault("picture: melted", "face", frozenset({"melted"}), 1.0)
    with pytest.raises(ValueError, match="melted"):
        list(broken(clip(), unknown))
