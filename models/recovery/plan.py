"""What a recovery checkpoint says beside its weights: how to sample, calibrate and trust."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..calibration import HIGHEST, LOWEST, PATTERNS, pattern_name
from ..errors import ModelError
from ..features import MODALITIES, Modality
from .network import RecoveryConfig


def gap_name(measured: Collection[Modality], lost: Collection[Modality]) -> str:
    """Name of what is measured and what is recovered, such as "audio+text|face"."""
    return f"{pattern_name(measured)}|{pattern_name(lost)}"


GAPS: Final[dict[str, tuple[tuple[Modality, ...], tuple[Modality, ...]]]] = {
    gap_name(measured, lost): (measured, lost)
    for measured in PATTERNS.values()
    for lost in PATTERNS.values()
    if not set(measured) & set(lost)
}
"""The twelve ways in which something is measured and something recovered, by name."""


@dataclass(frozen=True, slots=True)
class GapSetting:
    """How readings of one gap are calibrated.

    Attributes:
        samples: temperature of the fusion's logits on recovered samples.
        mixed: temperature of the mixed probabilities.
        open: whether recovery has a say at all; closed where it did not help on validation.
    """

    samples: float
    mixed: float
    open: bool

    def __post_init__(self) -> None:
        for name in ("samples", "mixed"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and LOWEST <= value <= HIGHEST):
                raise ModelError(f"temperature {name} is {value!r}, [{LOWEST}, {HIGHEST}] wanted")


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """Everything but the weights.

    Attributes:
        network: of teacher and student.
        hidden: width of the gate.
        samples: K.
        steps: of the student, 1, 2 or 4.
        spread_limit: samples further apart than this are no samples of anything known.
        gaps: by name of `GAPS`.
        fusion: SHA-256 of the fusion that it was made for.
    """

    network: RecoveryConfig
    hidden: int
    samples: int
    steps: int
    spread_limit: float
    gaps: Mapping[str, GapSetting]
    fusion: str

    def __post_init__(self) -> None:
        if set(self.network.dims) != set(MODALITIES):
            raise ModelError(f"recovery of {sorted(self.network.dims)}, {MODALITIES} wanted")
        if set(self.gaps) != set(GAPS):
            raise ModelError(f"recovery gaps are {sorted(self.gaps)}, {sorted(GAPS)} wanted")
        if not 1 <= self.samples <= 64 or self.steps not in (1, 2, 4) or self.hidden < 1:
            raise ModelError(
                f"recovery of {self.samples} samples in {self.steps} steps, gate of {self.hidden}: "
                "1 to 64 samples, 1, 2 or 4 steps and a gate of 1 or more wanted"
            )
        if not self.spread_limit > 0.0:
            raise ModelError(f"spread_limit {self.spread_limit} is not positive")

    def as_dict(self) -> dict[str, Any]:
        """Fields as JSON values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "RecoveryPlan":
        """Build from a manifest's fields; those that are not of the plan are passed over.

        Raises:
            ModelError: a field is missing, of the wrong type or out of range.
        """
        try:
            named = {name: fields[name] for name in cls.__slots__}
            named["network"] = RecoveryConfig.from_dict(fields["network"])
            named["gaps"] = {str(k): GapSetting(**v) for k, v in fields["gaps"].items()}
            return cls(**named)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ModelError(f"recovery plan does not fit: {exc!r}") from exc
