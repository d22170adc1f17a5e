from tacit.models.features import MODALITIES
from tools.recovery_paired import GAPS


def test_every_gap_leaves_something_and_loses_the_rest() -> None:
    seen = set()
    for gap in GAPS:
        kept, lost = (frozenset(part.split("+")) for part in gap.split("|"))
        assert kept
        assert lost
        assert kept | lost == set(MODALITIES)
        assert not kept & lost
        seen.add(kept)
    assert len(seen) == len(GAPS) == 2 ** len(MODALITIES) - 2
