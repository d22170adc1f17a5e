"""Runs a batch on a Ray cluster: a reader actor per job, replaced when it dies.

Every node must see the inputs and the data set under the same paths, and have Tacit with the same
weights installed.
"""

import os
import signal
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ...models.errors import ModelError
from .engine import Backlog, Share, Try
from .inputs import BatchError, BatchInput
from .reading import Outcome, Reader
from .recipe import Recipe

POLL_S: Final = 0.5
ADDRESS: Final = "RAY_ADDRESS"
"""Environment variable that names the cluster; without it, Ray is started on this machine."""
OBJECT_STORE_BYTES: Final = 100 * 1024 * 1024
"""Only names and outcomes travel through it."""


class ClusterReader:
    """The actor: loads the models once and reads what it is told.

    Args:
        recipe_json: a `Recipe`.
        out: folder of the data set.
    """

    def __init__(self, recipe_json: str, out: str) -> None:
        self._reader = Reader(Recipe.model_validate_json(recipe_json), Path(out))

    def read(self, source_json: str) -> str:
        """Read an input; both it and its outcome are JSON."""
        return self._reader.read(BatchInput.model_validate_json(source_json)).model_dump_json()


class RayEngine:
    """Reads inputs in actors of a Ray cluster.

    Args:
        recipe: how.
        out: folder of the data set.
        jobs: most inputs read at a time.

    Raises:
        BatchError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, recipe: Recipe, out: Path, jobs: int) -> None:
        self._recipe = recipe
        self._out = out
        self._jobs = jobs
        # Short, because socket paths below it may have 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="tacit-", ignore_cleanup_errors=True)
        try:
            self._ray = _started(jobs * recipe.settings.threads, self._folder.name)
        except BatchError:
            self._folder.cleanup()
            raise
        actor = self._ray.remote(num_cpus=recipe.settings.threads, max_restarts=0)
        self._actor = actor(ClusterReader)
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Try]] = {}

    def run(self, inputs: Iterable[BatchInput], share: Share) -> Iterator[Outcome]:
        """Read them all; see `Engine`. Actors don't say how far they are within an input."""
        backlog = Backlog(inputs)
        while backlog or self._busy:
            while backlog and len(self._busy) < self._jobs:
                self._give(backlog.take())
            ready, _ = self._ray.wait(list(self._busy), timeout=POLL_S)
            for answer in ready:
                outcome = self._outcome(answer, backlog)
                if outcome is not None:
                    yield outcome

    def close(self) -> None:
        """End the actors, and Ray itself where it was started for this batch."""
        for actor in [*self._idle, *(actor for actor, _ in self._busy.values())]:
            self._ray.kill(actor)
        self._idle.clear()
        self._busy.clear()
        self._ray.shutdown()
        self._folder.cleanup()

    def _give(self, tried: Try) -> None:
        if self._idle:
            actor = self._idle.pop()
        else:
            actor = self._actor.remote(self._recipe.model_dump_json(), str(self._out))
        self._busy[actor.read.remote(tried.source.model_dump_json())] = (actor, tried)

    def _outcome(self, answer: Any, backlog: Backlog) -> Outcome | None:
        actor, tried = self._busy.pop(answer)
        try:
            outcome = Outcome.model_validate_json(self._ray.get(answer))
        except ModelError as exc:
            raise BatchError(str(getattr(exc, "cause", exc))) from exc
        except self._ray.exceptions.RayError as exc:
            reason = str(exc).strip().splitlines()[0] if str(exc).strip() else "no reason given"
            return backlog.lost(tried, f"reader actor lost: {reason}")
        self._idle.append(actor)
        return outcome.model_copy(update={"attempts": tried.attempt})


def _started(cores: int, folder: str) -> Any:
    """Ray, connected to the cluster that the environment names, or to one of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as exc:
        raise BatchError("--engine ray needs Ray: pip install 'tacit[ray]'") from exc
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        if os.environ.get(ADDRESS):
            ray.init(**quiet)
        else:
            ray.init(
                address="local",
                num_cpus=cores,
                num_gpus=0,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
                **quiet,
            )
    except (ConnectionError, OSError, RuntimeError, ValueError) as exc:
        raise BatchError(f"--engine ray: {' '.join(str(exc).split())}") from exc
    # Ray puts its own in place, and would end the program before its results are listed.
    signal.signal(signal.SIGTERM, on_term)
    return ray
