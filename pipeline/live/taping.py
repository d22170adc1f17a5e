"""A live session that is recorded: what the engine has to be told about it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..media_recorder import MediaOutlet, MediaRecorder
from ..recorder import Recorder, recorded
from .engine import Opening


def recorded_opening(recorder: Recorder, opening: Opening, busy: Callable[[], bool]) -> Opening:
    """A session whose inputs, and media where that was asked for, go to a recorder.

    Args:
        recorder: keeps it.
        opening: what the session is.
        busy: whether the machine is overloaded, so that fewer pictures are kept; from any thread.
    """
    tap_of = partial(recorded, recorder, inject=opening.inject)
    if not recorder.options.media:
        return replace(opening, tap_of=tap_of)
    media = MediaRecorder(MediaOutlet(recorder.unit, lambda: recorder.crowded, busy))
    recorder.media = media
    return replace(opening, tap_of=tap_of, keep=media.offer)
