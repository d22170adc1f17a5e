from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS, Calibration
from tacit.models.checkpoint import Manifest, save
from tacit.models.errors import CheckpointError, ModelError
from tacit.models.features import (
    MODALITIES,
    Bool,
    FeatureWindow,
    Float32,
    Modality,
    Prediction,
)
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.manifest import combined_hash
from tacit.models.recognizer import Recognizer

DIMS: dict[Modality, int] = {"audio": 5, "face": 6, "text": 4}
CONFIG = FusionConfig(DIMS, bins=3, width=8, layers=1, heads=2)
TEMPERATURES = dict(zip(PATTERNS, np.linspace(0.5, 2.0, 7).tolist(), strict=True))


def network() -> Fusion:
    torch.manual_seed(0)
    net = Fusion(CONFIG).eval()
    torch.nn.init.normal_(net.head.weight)
    return net


@pytest.fixture
def recognizer() -> Recognizer:
    return Recognizer(network(), Calibration(TEMPERATURES), sha256="ab" * 32)


def window(present: tuple[Modality, ...] = MODALITIES, seed: int = 0) -> FeatureWindow:
    rng = np.random.default_rng(seed)
    values = {m: rng.normal(size=(3, DIMS[m])).astype(np.float32) for m in MODALITIES}
    mask = {m: np.full(3, m in present) for m in MODALITIES}
    return FeatureWindow("p1", 0, 3, values, mask, {m: float(m in present) for m in MODALITIES})


def replaced(
    of: FeatureWindow,
    values: Mapping[Modality, Float32] | None = None,
    mask: Mapping[Modality, Bool] | None = None,
) -> FeatureWindow:
    return FeatureWindow(
        of.participant, of.t0_ns, of.t1_ns, values or of.values, mask or of.mask, of.coverage
    )


def raw(prediction: Prediction) -> tuple[object, ...]:
    return (
        prediction.probabilities.tobytes(),
        prediction.valence,
        prediction.arousal,
        prediction.confidence,
        {m: p.tobytes() for m, p in prediction.unimodal.items()},
    )


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
def test_every_pattern_gives_a_complete_prediction(
    recognizer: Recognizer, pattern: tuple[Modality, ...]
) -> None:
    got = recognizer.predict(window(pattern))
    assert got.probabilities.shape == (7,)
    assert got.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert got.confidence == got.probabilities.max()
    assert {m for m, s in got.sources.items() if s == "measured"} == set(pattern)
    assert {s for m, s in got.sources.items() if m not in pattern} <= {"absent"}
    assert set(got.unimodal) == set(pattern)
    assert got.valence is not None
    assert -1 <= got.valence <= 1


def test_the_temperature_of_the_pattern_is_applied(recognizer: Recognizer) -> None:
    plain = Recognizer(network(), Calibration(dict.fromkeys(PATTERNS, 1.0)), sha256="")
    for name, pattern in PATTERNS.items():
        sharp = np.log(plain.predict(window(pattern)).probabilities)
        scaled = np.exp(sharp / TEMPERATURES[name])
        expected = scaled / scaled.sum()
        assert np.allclose(recognizer.predict(window(pattern)).probabilities, expected, atol=1e-5)


def test_a_modality_says_the_same_alone_and_in_company(recognizer: Recognizer) -> None:
    together = recognizer.predict(window())
    for name in MODALITIES:
        alone = recognizer.predict(window((name,)))
        # Not to the byte: some CPUs sum the rows of a batch in different orders.
        assert np.allclose(together.unimodal[name], alone.probabilities, atol=1e-6)


def test_an_unusable_modality_counts_as_absent(recognizer: Recognizer) -> None:
    got = recognizer.predict(window(), usable={"face": False})
    assert got.sources == {"audio": "measured", "face": "absent", "text": "measured"}
    assert raw(got) == raw(recognizer.predict(window(("audio", "text"))))


def test_a_modality_the_window_does_not_name_is_absent(recognizer: Recognizer) -> None:
    full = window()
    partial = replaced(full, {"audio": full.values["audio"]}, {"audio": full.mask["audio"]})
    assert raw(recognizer.predict(partial)) == raw(recognizer.predict(window(("audio",))))


def test_nothing_measured_abstains(recognizer: Recognizer) -> None:
    got = recognizer.predict(window(()))
    assert got.abstained
    assert np.allclose(got.probabilities, 1 / 7)
    assert (got.valence, got.arousal, got.confidence) == (None, None, 0.0)
    assert set(got.sources.values()) == {"absent"}
    assert not got.unimodal


def test_low_confidence_abstains_but_keeps_its_reading() -> None:
    shy = Recognizer(network(), Calibration(TEMPERATURES, abstain_below=1.0), sha256="")
    bold = Recognizer(network(), Calibration(TEMPERATURES, abstain_below=0.0), sha256="")
    assert shy.predict(window()).abstained
    assert not bold.predict(window()).abstained
    assert raw(shy.predict(window())) == raw(bold.predict(window()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite_tokens_are_masked_and_counted(recognizer: Recognizer, bad: float) -> None:
    clean = window()
    values = {m: v.copy() for m, v in clean.values.items()}
    values["face"][1, 2] = bad
    mask = {m: v.copy() for m, v in clean.mask.items()}
    got = recognizer.predict(replaced(clean, values))
    assert recognizer.nonfinite_tokens == {"audio": 0, "face": 1, "text": 0}
    mask["face"][1] = False
    assert raw(got) == raw(recognizer.predict(replaced(clean, mask=mask)))
    assert got.sources["face"] == "measured"


def test_a_modality_of_nans_alone_is_absent(recognizer: Recognizer) -> None:
    values: dict[Modality, Float32] = {
        m: np.full((3, d), np.nan, dtype=np.float32) for m, d in DIMS.items()
    }
    got = recognizer.predict(replaced(window(), values))
    assert got.abstained
    assert recognizer.nonfinite_tokens == {"audio": 3, "face": 3, "text": 3}


def test_huge_values_give_a_finite_reading(recognizer: Recognizer) -> None:
    values: dict[Modality, Float32] = {
        m: np.full((3, d), 3e38, dtype=np.float32) for m, d in DIMS.items()
    }
    assert np.isfinite(recognizer.predict(replaced(window(), values)).probabilities).all()


def test_earlier_windows_leave_no_trace(recognizer: Recognizer) -> None:
    fresh = raw(Recognizer(network(), Calibration(TEMPERATURES), "").predict(window(seed=7)))
    for seed in range(3):
        recognizer.predict(window(("audio",), seed))
    assert raw(recognizer.predict(window(seed=7))) == fresh
    batch = recognizer.predict_batch([window(("text",)), window(seed=7), window()])
    assert raw(batch[1]) == fresh


def test_the_window_is_left_as_it_was(recognizer: Recognizer) -> None:
    given = window()
    before = {m: v.copy() for m, v in given.values.items()}
    recognizer.predict(given)
    assert all(np.array_equal(before[m], given.values[m]) for m in MODALITIES)


def test_wrong_shapes_are_named(recognizer: Recognizer) -> None:
    given = window()
    with pytest.raises(ModelError, match=r"'p1': face values \(3, 9\)"):
        recognizer.predict(
            replaced(given, {**given.values, "face": np.zeros((3, 9), dtype=np.float32)})
        )
    with pytest.raises(ModelError, match="text values"):
        recognizer.predict(replaced(given, mask={**given.mask, "text": np.ones(2, dtype=bool)}))


def manifest(kind: str, config: dict[str, Any]) -> Manifest:
    return Manifest(kind, config, [], "any", "none", 0, {})


def shipped(folder: Path, **changes: Any) -> Path:
    face = save(folder / "face", {"w": torch.ones(1)}, manifest("face", {}))
    config = {
        "network": CONFIG.as_dict(),
        "calibration": Calibration(TEMPERATURES, 0.25).as_dict(),
        "encoders": {"face": face.sha256},
        **changes,
    }
    save(folder / "fusion", network().state_dict(), manifest("fusion", config))
    return folder


def test_loading_gives_what_was_saved(tmp_path: Path) -> None:
    loaded = Recognizer.load(shipped(tmp_path))
    assert loaded.config == CONFIG
    assert loaded.abstain_below == 0.25
    assert loaded.model_id == f"tacit-{loaded.sha256[:12]}"
    direct = Recognizer(network(), Calibration(TEMPERATURES), "").predict(window())
    got = loaded.predict(window())
    assert np.allclose(got.probabilities, direct.probabilities, atol=5e-3)  # stored as float16


def test_another_encoder_than_trained_on_is_refused(tmp_path: Path) -> None:
    shipped(tmp_path)
    save(tmp_path / "face", {"w": torch.zeros(1)}, manifest("face", {}))
    with pytest.raises(CheckpointError, match=r"trained on the face encoder .*train\.py fusion"):
        Recognizer.load(tmp_path)


def test_the_identity_changes_with_an_encoder(tmp_path: Path) -> None:
    first = Recognizer.load(shipped(tmp_path))
    save(tmp_path / "text", {"w": torch.zeros(1)}, manifest("text", {}))
    assert Recognizer.load(tmp_path).sha256 != first.sha256


def test_the_combined_hash_ignores_order() -> None:
    assert combined_hash({"a": "1", "b": "2"}) == combined_hash({"b": "2", "a": "1"})
    assert combined_hash({"a": "1", "b": "2"}) != combined_hash({"a": "2", "b": "1"})


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"dims": {"audio": 1, "smell": 2}}},
        {"calibration": {"temperatures": {}}},
        {"encoders": None},
        {"encoders": ["face"]},
    ],
)
def test_a_malformed_config_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="does not fit"):
        Recognizer.load(shipped(tmp_path, **change))


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        Recognizer.load(tmp_path)
