"""The checkpoint that holds how people differ in each encoder's tokens; read without torch.

It belongs to encoders, so it names them: a baseline in the space of another encoder means nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import safetensors.numpy
from safetensors import SafetensorError

from .baseline import (
    BaselineRule,
    Floats,
    Population,
    population_from_arrays,
    population_to_arrays,
)
from .errors import CheckpointError, ModelError
from .features import MODALITIES, Modality
from .manifest import read_manifest, read_verified

KIND: Final = "baseline"


@dataclass(frozen=True, slots=True)
class StoredBaseline:
    """What a weights folder knows of people.

    Attributes:
        populations: per modality that can be seen against a person's own baseline.
        encoders: SHA-256 of the encoder whose tokens they are about.
        rule: found on validation people.
        observation_s: seconds of tokens that count as one observation.
    """

    populations: Mapping[Modality, Population]
    encoders: Mapping[Modality, str]
    rule: BaselineRule
    observation_s: float


def as_arrays(stored: StoredBaseline) -> dict[str, Floats]:
    """Arrays by "modality.field", for the weights file."""
    return {
        f"{name}.{field}": row
        for name, population in stored.populations.items()
        for field, row in population_to_arrays(population).items()
    }


def as_config(stored: StoredBaseline) -> dict[str, Any]:
    """The rest, for the manifest; an infinite setting is left out, as JSON has no infinity."""
    rule = {k: v for k, v in asdict(stored.rule).items() if v != float("inf")}
    unlimited = [k for k, v in asdict(stored.rule).items() if v == float("inf")]
    return {
        "encoders": dict(stored.encoders),
        "rule": rule,
        "unlimited": unlimited,
        "observation_s": stored.observation_s,
    }


def load_baseline(weights: Path) -> StoredBaseline:
    """Read `weights/baseline` and check that it belongs to the encoders beside it.

    Args:
        weights: holds `baseline` and the encoders' folders.

    Raises:
        CheckpointError: missing, damaged, or made for other encoders.
    """
    folder = weights / KIND
    data, manifest = read_verified(folder, KIND)
    config = manifest.config
    try:
        arrays = safetensors.numpy.load(data)
        rule = dict(config["rule"]) | dict.fromkeys(config["unlimited"], float("inf"))
        encoders = {m: str(config["encoders"][m]) for m in MODALITIES if m in config["encoders"]}
        stored = StoredBaseline(
            {name: _population(arrays, name) for name in encoders},
            encoders,
            BaselineRule(**rule),
            float(config["observation_s"]),
        )
    except (SafetensorError, KeyError, TypeError, ValueError, ModelError) as exc:
        raise CheckpointError(f"{folder}: does not hold a baseline: {exc}") from exc
    for name, sha256 in encoders.items():
        installed = read_manifest(weights / name).sha256
        if installed != sha256:
            raise CheckpointError(
                f"{folder}: is about the {name} encoder {sha256[:12]}…, {weights / name} holds "
                f"{installed[:12]}…; run tools/train.py baseline, or reinstall tacit"
            )
    return stored


def _population(arrays: Mapping[str, Any], name: Modality) -> Population:
    lead = f"{name}."
    return population_from_arrays(
        {key.removeprefix(lead): row for key, row in arrays.items() if key.startswith(lead)}
    )
