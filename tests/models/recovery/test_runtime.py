from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS, Calibration
from tacit.models.checkpoint import Manifest, save
from tacit.models.errors import CheckpointError, ModelError
from tacit.models.features import MODALITIES, PastTokens, Prediction
from tacit.models.manifest import SHIPPED, read_manifest
from tacit.models.recognizer import Recognizer
from tacit.models.recovery.flow import LIMIT
from tacit.models.recovery.plan import GAPS
from tacit.models.recovery.runtime import GATE, NOISE, STUDENT, Known, Recovery, tempered
from tests.fakes.conditions import BINS, fusion
from tests.fakes.recoveries import SAMPLES, plan, recovery, window

PLAIN = Calibration(dict.fromkeys(PATTERNS, 1.0))


def recognizer(made: Recovery | None) -> Recognizer:
    return Recognizer(fusion(), PLAIN, "ef" * 32, made)


def raw(prediction: Prediction) -> tuple[object, ...]:
    return prediction.probabilities.tobytes(), prediction.confidence, prediction.recovery


def test_what_is_lost_is_recovered_and_marked() -> None:
    got = recognizer(recovery()).predict(window(("audio", "text"), ("face",)))
    assert got.sources == {"audio": "measured", "face": "recovered", "text": "measured"}
    assert got.recovery is not None
    assert (got.recovery.steps, got.recovery.samples, got.recovery.flag) == (1, SAMPLES, None)
    assert set(got.recovery.spread) == {"face"}
    assert got.recovery.spread["face"] > 0.0
    assert 0.0 < got.recovery.share < 1.0
    assert got.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert set(got.unimodal) == {"audio", "text"}
    assert got.confidence == got.probabilities.max()


def test_nothing_is_recovered_where_nothing_is_lost() -> None:
    whole = window(("audio", "face"), ())
    with_it, without = recognizer(recovery()).predict(whole), recognizer(None).predict(whole)
    assert raw(with_it) == raw(without)
    assert with_it.sources["text"] == "absent"
    assert with_it.recovery is None


def test_with_everything_lost_it_abstains() -> None:
    got = recognizer(recovery()).predict(window((), MODALITIES))
    assert got.abstained
    assert set(got.sources.values()) == {"absent"}
    assert got.recovery is None


def test_a_modality_with_tokens_is_not_recovered() -> None:
    got = recognizer(recovery()).predict(window(("audio", "face"), ("face",)))
    assert got.sources["face"] == "measured"


def test_the_same_window_gives_the_same_bytes() -> None:
    reader = recognizer(recovery())
    first = raw(reader.predict(window(("audio",), ("face",), seed=1)))
    for seed in range(2, 5):
        reader.predict(window(("text",), ("face", "audio"), seed=seed))
    assert raw(reader.predict(window(("audio",), ("face",), seed=1))) == first
    assert raw(recognizer(recovery()).predict(window(("audio",), ("face",), seed=1))) == first


def test_the_past_counts() -> None:
    reader = recognizer(recovery())
    with_it = reader.predict(window(("audio",), ("face",)))
    without = reader.predict(window(("audio",), ("face",), past=False))
    assert not np.allclose(with_it.probabilities, without.probabilities, atol=1e-4)


def test_a_past_with_a_nan_counts_as_none() -> None:
    reader, whole = recognizer(recovery()), window(("audio",), ("face",))
    spoilt = whole.past["face"].values.copy()
    spoilt[:, 0] = np.nan
    poisoned = replace(whole, past={"face": PastTokens(spoilt, whole.past["face"].age_s)})
    got = reader.predict(poisoned)
    assert np.isfinite(got.probabilities).all()
    none = reader.predict(window(("audio",), ("face",), past=False))
    assert np.allclose(got.probabilities, none.probabilities, atol=1e-6)


def test_a_long_past_is_cut_to_the_newest() -> None:
    reader, whole = recognizer(recovery()), window(("audio",), ("face",))
    past = whole.past["face"]
    longer = PastTokens(np.repeat(past.values, 9, axis=0), np.repeat(past.age_s, 9))
    assert np.isfinite(reader.predict(replace(whole, past={"face": longer})).probabilities).all()


def test_a_misshapen_past_is_refused() -> None:
    past = PastTokens(np.ones((2, 3), np.float32), np.ones(2, np.float32))
    with pytest.raises(ModelError, match="past face tokens"):
        recognizer(recovery()).predict(replace(window(("audio",), ("face",)), past={"face": past}))


def test_bins_before_the_session_are_not_recovered() -> None:
    whole = window(("audio",), ("face",))
    young = replace(whole, t0_ns=whole.t1_ns - 1)
    reader = recovery()
    for some, bins in ((whole, BINS), (young, 1)):
        known = Known.of(some, some.values, some.mask)
        wanted = reader.condition(fusion(), known).wanted["face"][0]
        assert wanted.tolist() == [False] * (BINS - bins) + [True] * bins


def test_a_closed_gap_leaves_the_reading_as_it_is_but_says_what_it_saw() -> None:
    made = recovery(plan(is_open=False))
    got = recognizer(made).predict(window(("audio",), ("face",)))
    drop = recognizer(None).predict(window(("audio",), ("face",)))
    assert got.recovery is not None
    assert got.recovery.share == 0.0
    expected = tempered(drop.probabilities, made.plan.gaps["audio|face"].mixed)
    assert np.allclose(got.probabilities, expected, atol=1e-6)


def same_as_dropped(got: Prediction) -> bool:
    drop = recognizer(None).predict(window(("audio",), ("face",)))
    return (
        got.probabilities.tobytes() == drop.probabilities.tobytes()
        and got.sources == drop.sources
        and set(got.sources.values()) == {"measured", "absent"}
    )


def test_a_recovery_that_is_no_number_is_given_up() -> None:
    made = recovery()
    torch.nn.init.constant_(made.student.leave.bias, torch.nan)
    got = recognizer(made).predict(window(("audio",), ("face",)))
    assert got.recovery is not None
    assert got.recovery.flag == "nonfinite"
    assert same_as_dropped(got)


def test_a_recovery_that_runs_away_is_given_up() -> None:
    made = recovery()
    torch.nn.init.constant_(made.student.leave.bias, 100.0 * LIMIT)
    got = recognizer(made).predict(window(("audio",), ("face",)))
    assert got.recovery is not None
    assert got.recovery.flag == "diverged"
    assert same_as_dropped(got)


def test_samples_that_lie_too_far_apart_are_given_up() -> None:
    made = recovery(plan(spread_limit=1e-3))
    got = recognizer(made).predict(window(("audio",), ("face",)))
    assert got.recovery is not None
    assert got.recovery.flag == "diverged"
    assert same_as_dropped(got)


@pytest.mark.parametrize("after", [0, 1])
def test_a_recovery_that_is_late_is_given_up(after: int) -> None:
    asked: list[int] = []

    def expired() -> bool:
        asked.append(1)
        return len(asked) > after

    got = recognizer(recovery()).predict(window(("audio",), ("face",)), expired=expired)
    assert got.recovery is not None
    assert got.recovery.flag == "deadline"
    assert len(asked) == after + 1
    assert same_as_dropped(got)


def test_tempering_keeps_the_order_and_the_sum() -> None:
    p = np.array([0.6, 0.3, 0.1], np.float32)
    softer = tempered(p, 2.0)
    assert softer.sum() == pytest.approx(1.0)
    assert (np.argsort(softer) == np.argsort(p)).all()
    assert softer[0] < p[0]
    assert tempered(p, 1.0) == pytest.approx(p)


def shipped(folder: Path, **change: object) -> Path:
    made = recovery()
    tensors = {STUDENT + n: t for n, t in made.student.state_dict().items()}
    tensors |= {GATE + n: t for n, t in made.gate.state_dict().items()}
    tensors[NOISE] = made.noise
    manifest = Manifest("recovery", {**made.plan.as_dict(), **change}, ["d"], "l", "s", 0, {})
    save(folder / "recovery", tensors, manifest)
    return folder / "recovery"


def test_a_checkpoint_gives_the_recovery_back(tmp_path: Path) -> None:
    loaded = Recovery.load(shipped(tmp_path), "ab" * 32)
    assert loaded.plan == plan()
    assert torch.allclose(loaded.noise, recovery().noise, atol=2e-3)


def test_a_recovery_for_another_fusion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="was made for the fusion abab"):
        Recovery.load(shipped(tmp_path), "00" * 32)


def test_noise_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no noise of shape"):
        Recovery.load(shipped(tmp_path, samples=5), "ab" * 32)


def test_a_config_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not fit a recovery"):
        Recovery.load(shipped(tmp_path, gaps={}), "ab" * 32)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    weights = shipped(tmp_path) / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[:-10], whole[:-1] + bytes([whole[-1] ^ 1])):
        weights.write_bytes(broken)
        with pytest.raises(CheckpointError, match="SHA-256"):
            Recovery.load(weights.parent, "ab" * 32)


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("gap", GAPS)
def test_the_shipped_answer_is_never_below_leaving_out_nor_surer_than_the_whole(
    gap: str, part: str
) -> None:
    """As measured when it was trained: a checkpoint that breaks this may not ship."""
    figures = read_manifest(SHIPPED / "recovery").metrics

    def of(name: str) -> float:
        return figures[f"{part}.{gap}.{name}"]

    assert of("final_accuracy") >= of("drop_accuracy")
    assert of("final_nll") <= of("drop_nll")
    assert of("final_confidence") <= of("whole_confidence")


def test_both_back_ends_give_the_same_answer() -> None:
    fast = recognizer(recovery())
    slow = Recognizer(fusion(), PLAIN, "ef" * 32, recovery(), backend="torch")
    assert (fast.backend, slow.backend) == ("onnxruntime", "torch")
    for measured, lost in GAPS.values():
        some = window(measured, lost)
        one, other = fast.predict(some), slow.predict(some)
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-3)
        assert one.recovery is not None
        assert other.recovery is not None
        assert one.recovery.share == pytest.approx(other.recovery.share, abs=1e-3)
        assert set(one.unimodal) == set(other.unimodal)
        for name, p in one.unimodal.items():
            assert np.allclose(p, other.unimodal[name], atol=1e-3)
