"""What the gate decided, what it could have gained, and how often less made it surer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..metrics import unweighted_average_recall

EDGES: Final = np.linspace(0.0, 1.0, 21)
CASES: Final = ("only recovery right", "only dropping right", "both right", "both wrong")


def gate_summary(stored: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, Any]:
    """By pattern: histogram of the shares, mean share by who was right, and the oracle's figure.

    Args:
        stored: arrays of the gated method's cells; see `running.gate_arrays`.

    Returns:
        per pattern "histogram" (counts between `edges`), "shares" by case of `CASES`, and the UAR
        of dropping, recovery, the mix, and of an oracle that always takes a reading that is right.
    """
    names = [key.removeprefix("share.") for key in stored[0] if key.startswith("share.")]
    labels = np.concatenate([cell["labels"] for cell in stored])
    found: dict[str, Any] = {"edges": EDGES.round(3).tolist()}
    for name in names:
        share, recovered, dropped, mixed = (
            np.concatenate([cell[f"{part}.{name}"] for cell in stored])
            for part in ("share", "recovered", "dropped", "test")
        )
        picks = {
            "recovery": recovered.argmax(axis=1),
            "dropping": dropped.argmax(axis=1),
            "mix": mixed.argmax(axis=1),
        }
        right = {key: picked == labels for key, picked in picks.items()}
        oracle = np.where(right["recovery"], picks["recovery"], picks["dropping"])
        uar = {
            key: round(unweighted_average_recall(labels, picked), 5)
            for key, picked in (picks | {"oracle": oracle}).items()
        }
        cases = cases_of(right["recovery"], right["dropping"])
        found[name] = {
            "histogram": np.histogram(share, EDGES)[0].tolist(),
            "shares": {
                case: [int(rows.sum()), round(float(share[rows].mean()), 4) if rows.any() else 0.0]
                for case, rows in cases.items()
            },
            "uar": uar,
        }
    return found


def cases_of(
    recovery: NDArray[np.bool_], dropping: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Rows by which of the two readings is right, in the order of `CASES`."""
    rows = (
        recovery & ~dropping,
        dropping & ~recovery,
        recovery & dropping,
        ~recovery & ~dropping,
    )
    return dict(zip(CASES, rows, strict=True))
