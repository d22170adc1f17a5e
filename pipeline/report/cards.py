"""What is known of the models that read a session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...models.errors import ModelError
from ...models.manifest import Manifest, combined_hash, read_manifest
from ..doctor import checkpoints
from ..events import ModelRef

TEST = "test."


@dataclass(frozen=True, slots=True)
class Card:
    """The summary of one checkpoint's model card.

    Attributes:
        kind: what it reads.
        sha256: of its weights.
        licence: what the data allow a user of the weights to do.
        data: what it was trained on.
        split: which part tested it.
        figures: measured on the test part, by name.
        notes: known failures and limits.
    """

    kind: str
    sha256: str
    licence: str
    data: Sequence[str]
    split: str
    figures: Mapping[str, float]
    notes: Sequence[str]


def cards_of(model: ModelRef | None, weights: Path) -> list[Card]:
    """The cards of the models that made a session, when they are the ones at hand.

    Args:
        model: as the session names it.
        weights: folder with checkpoints.

    Returns:
        one per checkpoint; nothing when the models at hand are others than those of the session,
        because their figures would be about something else.
    """
    if model is None:
        return []
    found = [m for m in (_read(weights, kind) for kind in checkpoints(weights)) if m is not None]
    if combined_hash({m.kind: m.sha256 for m in found}) != model.sha256:
        return []
    return [_card(manifest) for manifest in found]


def _read(weights: Path, kind: str) -> Manifest | None:
    try:
        return read_manifest(weights / kind)
    except ModelError:
        return None


def _card(manifest: Manifest) -> Card:
    return Card(
        kind=manifest.kind,
        sha256=manifest.sha256,
        licence=manifest.licence,
        data=manifest.data,
        split=manifest.split,
        figures={
            name.removeprefix(TEST): value
            for name, value in sorted(manifest.metrics.items())
            if name.startswith(TEST)
        },
        notes=manifest.notes,
    )
