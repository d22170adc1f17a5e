"""What a running server says of itself: do its books balance, and how are its workers?"""

import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from .errors import UserError
from .handover import Handover

ITEMS: Final = "tacit_handover_items"
IN_FLIGHT: Final = "tacit_handover_in_flight"
TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 4 << 20


class ServerUnreachable(UserError):
    """No server answers there; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server at one moment.

    Attributes:
        handovers: where everything went.
        figures: all other plain figures, by name without "tacit_".
    """

    handovers: list[Handover]
    figures: dict[str, float]

    @property
    def unbalanced(self) -> list[Handover]:
        """Hand-overs at which something is not accounted for."""
        return [row for row in self.handovers if not row.balanced]


def ask(url: str, token: str = "") -> ServerState:
    """Ask a server how it is.

    Args:
        url: its address.
        token: where it wants one.

    Raises:
        ServerUnreachable: there is none, it refuses, or something else answers.
    """
    if not url.startswith(("http://", "https://")):
        raise ServerUnreachable(f"{url}: not an address; give http://HOST:PORT")
    request = urllib.request.Request(f"{url.rstrip('/')}/metrics")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            text = answer.read(MOST_BYTES).decode()
        return read_state(text)
    except urllib.error.HTTPError as exc:
        raise ServerUnreachable(f"{url}: refused with status {exc.code}; try --token") from exc
    except OSError as exc:
        raise ServerUnreachable(
            f"{url}: no server answers ({exc}); start one with tacit serve"
        ) from exc
    except ValueError as exc:
        raise ServerUnreachable(f"{url}: what answers there is no tacit server") from exc


def read_state(text: str) -> ServerState:
    """Read figures in the format of Prometheus.

    Raises:
        ValueError: the text is something else.
    """
    counted: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    figures: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if family.name in (ITEMS, IN_FLIGHT):
                if sample.name.endswith("_created"):
                    continue
                row = counted.setdefault((labels["place"], labels["stream"]), {})
                outcome = (labels.get("outcome", "in_flight"), labels.get("reason", ""))
                row[outcome] = int(sample.value)
            elif not labels and sample.name.startswith("tacit_"):
                figures[sample.name.removeprefix("tacit_")] = sample.value
    if "ready" not in figures:
        raise ValueError("no figures of a tacit server")
    return ServerState([_row(*key, row) for key, row in sorted(counted.items())], figures)


def _row(place: str, stream: str, row: dict[tuple[str, str], int]) -> Handover:
    return Handover(
        place,
        stream,
        row.get(("offered", ""), 0),
        row.get(("used", ""), 0),
        {reason: count for (outcome, reason), count in row.items() if outcome == "dropped"},
        row.get(("in_flight", ""), 0),
    )


def in_words(dropped: Iterable[tuple[str, int]]) -> str:
    """What was dropped and why, in one line."""
    return ", ".join(f"{reason} {count}" for reason, count in dropped if count) or "–"
