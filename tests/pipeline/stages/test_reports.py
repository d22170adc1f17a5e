import pytest

from tacit.pipeline.quality import Quality, QualityFlag
from tacit.pipeline.stages.reports import feature_meta, quality_of


def test_a_finding_survives_as_packet_facts() -> None:
    found = Quality(frozenset({QualityFlag.FROZEN, QualityFlag.DARK}), {"change": 0.5}, 17)
    meta = feature_meta(found, 40, 80)
    assert quality_of(meta) == found
    assert meta["flags"] == ["dark", "frozen"]
    assert (meta["frame_ns"], meta["watermark_ns"]) == (40, 80)


def test_facts_of_another_make_are_refused() -> None:
    with pytest.raises(KeyError):
        quality_of({})
    with pytest.raises(ValueError, match="melted"):
        quality_of({"flags": ["melted"], "measures": {}, "since_ns": None})
