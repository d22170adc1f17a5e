"""How a stage tells the hub what it saw: a quality finding as packet facts, and back."""

from collections.abc import Mapping
from typing import Any, Final

from ..quality import Quality, QualityFlag

OUTLINE: Final = "outline"
"""Name of the face's oval in meta; asked for by a picture, given by its features, never kept."""

REST: Final = "rest"
"""Name under which a picture's meta asks that faces be read half as often."""


def feature_meta(quality: Quality, frame_ns: int, watermark_ns: int) -> dict[str, Any]:
    """Facts of a feature packet.

    Args:
        quality: of the media that it was made from.
        frame_ns: stretch that each of its feature frames stands for.
        watermark_ns: everything before this time has been delivered.
    """
    return {
        "flags": sorted(str(flag) for flag in quality.flags),
        "measures": {name: float(value) for name, value in quality.measures.items()},
        "since_ns": quality.since_ns,
        "frame_ns": frame_ns,
        "watermark_ns": watermark_ns,
    }


def quality_of(meta: Mapping[str, Any]) -> Quality:
    """The finding in a feature packet.

    Raises:
        ValueError, KeyError: facts that `feature_meta` did not write.
    """
    return Quality(
        frozenset(QualityFlag(flag) for flag in meta["flags"]),
        dict(meta["measures"]),
        meta["since_ns"],
    )
