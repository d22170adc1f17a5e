"""Program of a batch's worker process: reads one input after another until its parent is gone.

It is started by spawning; nothing is imported at the top that the process might not need before
it has put its error output away.
"""

import json
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def main(connection: Connection, recipe_json: str, out: str, log: str) -> None:
    """Answer every input that comes over the connection with its outcome.

    Args:
        connection: inputs come in, shares read and outcomes go out, each as JSON.
        recipe_json: a `Recipe`.
        out: folder of the data set.
        log: file that takes what native code writes to stderr.
    """
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _write_to(log)
    orders: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    from ...models.errors import ModelError
    from .inputs import BatchInput
    from .reading import Reader
    from .recipe import Recipe

    reader = Reader(Recipe.model_validate_json(recipe_json), Path(out))
    while True:
        source = BatchInput.model_validate_json(orders.get())
        try:
            outcome = reader.read(source, lambda share: _send(connection, {"share": share}))
        except ModelError as exc:
            _send(connection, {"fatal": str(exc)})
            continue
        _send(connection, {"outcome": outcome.model_dump(mode="json")})


def _listen(connection: Connection, orders: "queue.Queue[bytes]") -> None:
    """Take orders; end at once, whatever is being read, when the parent is gone."""
    while True:
        try:
            orders.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


def _send(connection: Connection, message: dict[str, Any]) -> None:
    try:
        connection.send_bytes(json.dumps(message).encode())
    except OSError:
        os._exit(0)


def _write_to(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
