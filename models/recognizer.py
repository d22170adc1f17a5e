"""From a window of tokens to a calibrated prediction; holds no memory of earlier windows.

Every window is read as four rows of one batch: all that is measured, then audio, face and text
alone. The batch never has another layout, so a window gives the same bytes whatever came before it
and whoever else is in the session. What is lost in it is then recovered, and the two readings are
mixed. Should that fail, the reading without it stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch

from .calibration import Calibration, pattern_name
from .checkpoint import SHIPPED, load, restore
from .errors import CheckpointError, ModelError
from .features import (
    MODALITIES,
    Bool,
    FeatureWindow,
    Float32,
    Modality,
    Prediction,
    Source,
    nothing_claimed,
)
from .fusion import Fusion, FusionConfig
from .fusion_graph import FusionSession
from .manifest import Manifest, combined_hash, read_manifest
from .recovery.runtime import KIND as RECOVERY
from .recovery.runtime import Backend, Expired, Known, Reading, Recovery, never
from .valence_arousal import derive

KIND: Final = "fusion"
ROWS: Final[tuple[tuple[Modality, ...], ...]] = (MODALITIES, ("audio",), ("face",), ("text",))
"""Modalities that each row of the batch may see."""

ALL_USABLE: Final[Mapping[Modality, bool]] = dict.fromkeys(MODALITIES, True)


@dataclass(frozen=True, slots=True, eq=False)
class CleanTokens:
    """Tokens that are safe to compute with.

    Attributes:
        values: per modality (T, D) float32, finite, zero where the mask is False.
        mask: per modality (T,) bool.
        nonfinite: per modality, how many measured tokens held a NaN or an infinity and were
            masked for it.
    """

    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    nonfinite: Mapping[Modality, int]

    @property
    def present(self) -> tuple[Modality, ...]:
        """Modalities with at least one token."""
        return tuple(name for name in MODALITIES if self.mask[name].any())


def clean(
    window: FeatureWindow, config: FusionConfig, usable: Mapping[Modality, bool] = ALL_USABLE
) -> CleanTokens:
    """Gate between the outside and the network.

    Args:
        window: a modality that it does not name counts as not measured.
        config: token lengths and bins that the network wants.
        usable: modalities named False are masked whole; one not named is usable.

    Raises:
        ModelError: values or mask of a modality have another shape than the network's.
    """
    values: dict[Modality, Float32] = {}
    masks: dict[Modality, Bool] = {}
    nonfinite: dict[Modality, int] = {}
    for name in MODALITIES:
        shape = (config.bins, config.dims[name])
        given = np.asarray(window.values.get(name, np.zeros(shape)), dtype=np.float32)
        measured = np.asarray(window.mask.get(name, np.zeros(config.bins)), dtype=np.bool_)
        if given.shape != shape or measured.shape != shape[:1]:
            raise ModelError(
                f"window of {window.participant!r}: {name} values {given.shape} and mask "
                f"{measured.shape}, {shape} and {shape[:1]} wanted"
            )
        measured = measured & usable.get(name, True)
        finite = np.isfinite(given).all(axis=1)
        nonfinite[name] = int((measured & ~finite).sum())
        masks[name] = measured & finite
        values[name] = np.where(masks[name][:, None], given, np.float32(0.0))
    return CleanTokens(values, masks, nonfinite)


class Recognizer:
    """Calibrated reading of windows.

    Runs on the CPU, on as many threads as the caller gave torch.

    Args:
        fusion: in evaluation mode.
        calibration: for its logits.
        sha256: identity of all weights that a prediction rests on.
        recovery: fills what is lost; None leaves it out.
        backend: what computes; graphs for ONNX Runtime, the faster one, are built from the weights
            here. The choice is not measured, or the same recording would not give the same bytes.

    Attributes:
        backend: as given.
        config: token lengths and bins that `predict` wants.
        sha256: as given.
        nonfinite_tokens: per modality, tokens masked so far because they held a NaN or an
            infinity. A counter for health reports; no prediction depends on it.
        nonfinite_readings: windows so far for which the network gave no numbers.
    """

    def __init__(
        self,
        fusion: Fusion,
        calibration: Calibration,
        sha256: str,
        recovery: Recovery | None = None,
        backend: Backend = "onnxruntime",
    ) -> None:
        self._fusion = fusion.eval()
        self._recovery = recovery
        self.backend: Backend = backend
        self._graph: FusionSession | None = None
        if backend == "onnxruntime":
            self._graph = FusionSession(fusion)
            if recovery is not None:
                recovery.bind(fusion)
        self._calibration = calibration
        self.config = fusion.config
        self.sha256 = sha256
        self.nonfinite_tokens: dict[Modality, int] = dict.fromkeys(MODALITIES, 0)
        self.nonfinite_readings = 0

    @classmethod
    def load(
        cls, folder: Path = SHIPPED, *, recover: bool = True, backend: Backend = "onnxruntime"
    ) -> Self:
        """Load the fusion and check that the encoders beside it are those it was trained on.

        Args:
            folder: holds `fusion` and, each optional, `recovery`, `audio`, `face` and `text`.
            recover: whether to load the recovery that is there.
            backend: what computes.

        Raises:
            ModelError: weights missing, damaged, or made for another encoder than the one there.
        """
        tensors, manifest = load(folder / KIND, KIND)
        config, calibration, encoders = read_config(manifest, folder / KIND)
        installed = encoder_hashes(folder)
        for name, sha256 in installed.items():
            if encoders.get(name, sha256) != sha256:
                raise CheckpointError(
                    f"{folder / KIND}: was trained on the {name} encoder "
                    f"{encoders[name][:12]}…, {folder / name} holds {sha256[:12]}…; run "
                    "tools/train.py fusion, or reinstall tacit"
                )
        fusion = Fusion(config)
        restore(fusion, tensors, folder / KIND)
        parts, recovery = {**installed, KIND: manifest.sha256}, None
        if recover and (folder / RECOVERY / "manifest.json").exists():
            recovery = Recovery.load(folder / RECOVERY, manifest.sha256)
            parts[RECOVERY] = recovery.sha256
        return cls(fusion, calibration, combined_hash(parts), recovery, backend)

    @property
    def model_id(self) -> str:
        """Short name of these weights, for people."""
        return f"tacit-{self.sha256[:12]}"

    @property
    def abstain_below(self) -> float:
        """Confidence under which no emotion is claimed."""
        return self._calibration.abstain_below

    def predict(
        self,
        window: FeatureWindow,
        usable: Mapping[Modality, bool] = ALL_USABLE,
        expired: Expired = never,
    ) -> Prediction:
        """Read one window.

        Args:
            window: tokens and masks; a token with a NaN or an infinity counts as not measured.
            usable: modalities named False are left out, as the health monitor decides.
            expired: asked while something is recovered; once it says True, the reading without it
                is given.

        Returns:
            a finite prediction. With nothing measured, or when the network gives no numbers, it
            abstains: probabilities are uniform, valence and arousal None, and the confidence 0,
            because nothing is claimed.

        Raises:
            ModelError: wrong shapes.
        """
        tokens = clean(window, self.config, usable)
        for name, count in tokens.nonfinite.items():
            self.nonfinite_tokens[name] += count
        present = tokens.present
        sources: dict[Modality, Source] = {
            name: "measured" if name in present else "absent" for name in MODALITIES
        }
        if not present:
            return nothing_claimed(window.t0_ns, window.t1_ns)
        logits = self._logits(tokens)
        if not np.isfinite(logits).all():
            self.nonfinite_readings += 1
            return nothing_claimed(window.t0_ns, window.t1_ns)
        fused = self._calibration.apply(logits[0], pattern_name(present))
        reading = self._recover(window, tokens, fused, expired)
        if reading is not None and reading.probabilities is not None:
            fused = reading.probabilities
            sources |= dict.fromkeys(reading.note.spread, "recovered")
        point = derive(fused)
        confidence = float(fused.max())
        return Prediction(
            t0_ns=window.t0_ns,
            t1_ns=window.t1_ns,
            probabilities=fused,
            valence=point.valence,
            arousal=point.arousal,
            confidence=confidence,
            abstained=confidence < self._calibration.abstain_below,
            sources=sources,
            unimodal={
                name: self._calibration.apply(logits[ROWS.index((name,))], name) for name in present
            },
            recovery=None if reading is None else reading.note,
        )

    def warm_up(self) -> None:
        """Read made-up windows, so that the first real one is not slower than the others."""
        config = self.config
        face_lost: tuple[frozenset[Modality], ...] = (frozenset(), frozenset({"face"}))
        for lost in face_lost:
            values = {m: np.zeros((config.bins, config.dims[m]), np.float32) for m in MODALITIES}
            mask = {m: np.full(config.bins, m not in lost) for m in MODALITIES}
            self.predict(FeatureWindow("", 0, 1, values, mask, {}, lost))

    def predict_batch(
        self,
        windows: Iterable[FeatureWindow],
        usable: Mapping[Modality, bool] = ALL_USABLE,
    ) -> list[Prediction]:
        """Read windows one by one; each comes out as `predict` gives it alone, to the byte."""
        return [self.predict(window, usable) for window in windows]

    def _recover(
        self, window: FeatureWindow, tokens: CleanTokens, drop: Float32, expired: Expired
    ) -> Reading | None:
        """The reading with what is lost, None when nothing is."""
        if self._recovery is None or not window.lost:
            return None
        known = Known.of(window, tokens.values, tokens.mask)
        if not known.lost:
            return None
        return self._recovery.read(self._fusion, known, drop, expired)

    def _logits(self, tokens: CleanTokens) -> Float32:
        """(4, 7) logits in the order of `ROWS`."""
        masks = {m: torch.from_numpy(tokens.mask[m])[None] for m in MODALITIES}
        values = {m: torch.from_numpy(tokens.values[m])[None] for m in MODALITIES}
        with torch.inference_mode():
            z = self._fusion.standardise(values, masks)
            if self._graph is not None:
                flat = {m: z[m][0].numpy() for m in MODALITIES}
                return self._graph.logits(flat, tokens.mask, ROWS)
            many = {m: z[m].expand(len(ROWS), -1, -1) for m in MODALITIES}
            seen = {m: torch.cat([masks[m] & (m in row) for row in ROWS]) for m in MODALITIES}
            shown = {m: torch.where(seen[m].unsqueeze(-1), many[m], 0.0) for m in MODALITIES}
            return np.asarray(self._fusion.read(shown, seen).logits.numpy(), dtype=np.float32)


def read_config(
    manifest: Manifest, folder: Path
) -> tuple[FusionConfig, Calibration, dict[str, str]]:
    """Take a fusion manifest's config apart.

    Args:
        manifest: of kind "fusion".
        folder: named in errors.

    Returns:
        network shape, calibration, and the SHA-256 of each encoder it was trained on.

    Raises:
        CheckpointError: a part is missing or malformed.
    """
    try:
        config = FusionConfig.from_dict(manifest.config["network"])
        calibration = Calibration.from_dict(manifest.config["calibration"])
        encoders = {str(k): str(v) for k, v in dict(manifest.config["encoders"]).items()}
    except (KeyError, TypeError, ValueError, ModelError) as exc:
        raise CheckpointError(f"{folder}: config does not fit a fusion: {exc}") from exc
    return config, calibration, encoders


def encoder_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each encoder's weights below `folder`, by modality; those not there are left out.

    Raises:
        CheckpointError: a manifest is damaged.
    """
    return {
        name: read_manifest(folder / name).sha256
        for name in MODALITIES
        if (folder / name / "manifest.json").exists()
    }
