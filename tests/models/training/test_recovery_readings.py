import numpy as np
import torch

from tacit.models.calibration import PATTERNS, Calibration
from tacit.models.recovery.condition import Condition
from tacit.models.recovery.flow import Solver
from tacit.models.recovery.gate import feature_count
from tacit.models.training.gaps import GapConfig, GapPairer
from tacit.models.training.pairing import Pairer, PairingConfig
from tacit.models.training.recovery_readings import (
    CHUNK,
    GapReadings,
    concatenated,
    read_gap,
    whole_view,
)
from tests.fakes.conditions import gaps
from tests.fakes.token_data import BINS, token_data
from tests.fakes.trained import fusion, student

GAP = "audio+text|face"
PLAIN = Calibration(dict.fromkeys(PATTERNS, 1.0))


def source() -> GapPairer:
    pairer = Pairer(token_data().banks["valid"], np.full(7, 1 / 7), PairingConfig(), BINS)
    return GapPairer(pairer, fusion(), GapConfig(tokens=3))


def read(windows: int) -> GapReadings:
    net = student()
    noise = torch.randn(4, net.config.positions, net.config.latent)
    return read_gap(
        (fusion(), net),
        PLAIN,
        (source(), np.random.default_rng(0)),
        GAP,
        windows,
        (noise, Solver(1, student=True)),
    )


def test_three_readings_of_the_same_windows() -> None:
    count = CHUNK + 6
    r = read(count)
    assert r.drop.shape == r.whole.shape == (count, 7)
    assert r.logits.shape == (count, 4, 7)
    assert r.condition.batch == len(r.labels) == count
    assert np.allclose(r.averaged(1.0).sum(axis=1), 1.0, atol=1e-5)
    assert r.averaged(9.0).max() < r.averaged(1.0).max()
    features = r.features(1.0)
    assert features.shape == (count, feature_count(r.condition.names))
    assert torch.isfinite(features).all()
    assert float(r.spread["face"].min()) > 0.0
    assert not r.spread["text"].any()


def test_the_whole_view_sees_what_was_lost_but_nothing_that_never_was() -> None:
    net = fusion()
    drawn = source().draw(8, np.random.default_rng(0), "audio|face")
    seen = whole_view(net, drawn, "audio|face")
    both = {m: drawn.complete[m] & (m != "text") for m in drawn.truth}
    z = {m: torch.where(both[m].unsqueeze(-1), v, 0.0) for m, v in drawn.truth.items()}
    assert torch.equal(seen.logits, net.read(z, both).logits)


def test_conditions_are_put_one_after_another() -> None:
    one, two = gaps(2, 1), gaps(3, 2)
    joined = concatenated([one, two])
    assert joined.batch == 5
    assert torch.equal(joined.values["face"][2:], two.values["face"])
    assert joined.past is not None
    assert two.past is not None
    assert torch.equal(joined.past.age_s["audio"][2:], two.past.age_s["audio"])
    bare: list[Condition] = [one.without_past(), two.without_past()]
    assert concatenated(bare).past is None
