"""Fits the gate and the temperatures of a trained recovery anew; no network but the gate changes.

More windows than the training could afford make a gate that is told apart from chance, and figures
of calibration in which chance plays less of a part: the expected calibration error of a perfect
reading is not 0 but falls with the number of windows.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..checkpoint import Manifest, load, restore, save
from ..errors import CheckpointError
from ..features import MODALITIES
from ..fusion import Fusion
from ..recognizer import KIND as FUSION
from ..recognizer import read_config
from ..recovery.runtime import KIND, Recovery, load_teacher
from .fusion import Fitted
from .fusion_data import FusionData
from .pairing import shared_prior
from .recovery_run import Run, RunConfig, Trained, describe, weights_of
from .stages import StageStore

Progress = Callable[[str], None]

NOTE: Final = "The gate was fitted anew after the training, and the test part was read again then."


def regate(
    data: FusionData, weights: Path, out: Path, config: RunConfig, progress: Progress
) -> Manifest:
    """Fit the gate of `weights/recovery` again and write `out`, judged on validation and test.

    Args:
        data: tokens of the encoders that the fusion was trained on.
        weights: holds the fusion and its recovery.
        out: folder of the new checkpoint of the recovery; may be the old one.
        config: `fusion.pairing`, `fusion.prior_power`, `recovery.gaps`, `recovery.seed` and `gate`
            count.
        progress: told what happens.

    Returns:
        the new manifest.

    Raises:
        CheckpointError: a checkpoint is missing, damaged or made for other encoders.
    """
    tensors, manifest = load(weights / FUSION, FUSION)
    shape, calibration, encoders = read_config(manifest, weights / FUSION)
    if dict(data.encoders) != encoders:
        raise CheckpointError(f"{weights / FUSION}: was trained on other encoders")
    fusion = Fusion(shape)
    restore(fusion, tensors, weights / FUSION)
    old = Recovery.load(weights / KIND, manifest.sha256)
    prior = shared_prior([data.priors[m] for m in MODALITIES], config.fusion.prior_power)
    run = Run(data, prior, StageStore(out, progress), replace(config, steps=old.plan.steps))
    fitted = Fitted(fusion.eval(), 0, {}, calibration)
    gate, settings, found = run.gate(fitted, old.student, old.noise)
    trained = Trained(
        fusion, fitted, load_teacher(weights / KIND), old.student, gate, settings, old.noise, found
    )
    tested = run.figures_of("test", trained)
    made = describe(trained, manifest, tested, data, replace(run.config, samples=len(old.noise)))
    _, before = load(weights / KIND, KIND)
    training = {**before.config["training"], "gate": made.config["training"]["gate"]}
    notes = [*made.notes, NOTE]
    made = replace(made, config={**made.config, "training": training}, notes=notes)
    return save(out, weights_of(trained), made)
