from typing import get_args

from tacit.models import features
from tacit.stream.packet import MODALITIES, Modality, Packet


def test_a_packet_ends_where_its_stretch_does() -> None:
    packet = Packet("media", "audio", "p1", "file", 0, 0, 40, 20, 75)
    assert packet.t_end_ns == 60
    assert packet.data.size == 0
    assert packet.meta == {}


def test_both_packages_mean_the_same_modalities() -> None:
    assert MODALITIES == features.MODALITIES
    assert get_args(Modality) == get_args(features.Modality)
