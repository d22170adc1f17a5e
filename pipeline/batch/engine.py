"""What runs a batch, and what happens to an input whose worker dies."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from .inputs import BatchInput
from .reading import Outcome, failed

MAX_ATTEMPTS: Final = 2

Share = Callable[[BatchInput, float], None]


class Engine(Protocol):
    """Reads many inputs at a time."""

    def run(self, inputs: Iterable[BatchInput], share: Share) -> Iterator[Outcome]:
        """Read them all.

        Args:
            inputs: what to read.
            share: told now and then how much of an input has been read, 0 to 1.

        Yields:
            each input's outcome, in the order in which they end.

        Raises:
            BatchError: no input can be read, because the models cannot be loaded.
        """

    def close(self) -> None:
        """End all workers at once; part files stay whole."""


class Try(NamedTuple):
    """An input and how often it was begun, this time included."""

    source: BatchInput
    attempt: int


class Backlog:
    """Inputs that wait; those whose worker died come again, but not for ever.

    Args:
        inputs: all of them; larger ones are read first, so that none is left alone at the end.
    """

    def __init__(self, inputs: Iterable[BatchInput]) -> None:
        ordered = sorted(inputs, key=lambda i: (-i.bytes, i.name, i.participant))
        self._waiting: deque[Try] = deque(Try(source, 1) for source in ordered)

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> Try:
        """The next one."""
        return self._waiting.popleft()

    def lost(self, tried: Try, reason: str) -> Outcome | None:
        """Put an input back whose worker died.

        Returns:
            its outcome, when it has had its attempts.
        """
        if tried.attempt < MAX_ATTEMPTS:
            # At the end: what took a worker with it may not hold up the others a second time.
            self._waiting.append(Try(tried.source, tried.attempt + 1))
            return None
        outcome = failed(tried.source, f"{reason}, {tried.attempt} times")
        return outcome.model_copy(update={"attempts": tried.attempt})
