import numpy as np
import pytest
import torch

from tacit.models.features import MODALITIES, Modality
from tacit.models.fusion_graph import FusionSession
from tests.fakes.conditions import BINS, fusion, tokens

ROWS: tuple[tuple[Modality, ...], ...] = (MODALITIES, ("audio",), ("face",), ("audio", "text"))


@pytest.mark.parametrize("present", [MODALITIES, ("face",), ("audio", "text"), ()])
def test_the_graph_says_what_torch_says(present: tuple[Modality, ...]) -> None:
    net, raw = fusion(), tokens(1)
    mask = {m: torch.full((1, BINS), m in present) for m in MODALITIES}
    if "audio" in present:
        mask["audio"][0, 1] = False
    with torch.inference_mode():
        z = net.standardise(raw, mask)
        flat = {m: z[m][0].numpy() for m in MODALITIES}
        found = FusionSession(net).logits(flat, {m: mask[m][0].numpy() for m in MODALITIES}, ROWS)
        assert found.shape == (len(ROWS), 7)
        for row, said in zip(ROWS, found, strict=True):
            seen = {m: mask[m] & (m in row) for m in MODALITIES}
            shown = {m: torch.where(seen[m].unsqueeze(-1), z[m], 0.0) for m in MODALITIES}
            assert np.allclose(net.read(shown, seen).logits[0].numpy(), said, atol=1e-4)
    if len(present) > 1:
        assert not np.allclose(found[0], found[1], atol=1e-2)
