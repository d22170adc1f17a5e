"""How devices are asked for: by a stable name, or by a part of it that only one of them has.

Twins have the same name. Each is then listed with its address, and asked for with it; the name
alone means neither, so that one is never taken for the other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import DeviceError


@dataclass(frozen=True, slots=True)
class DeviceName:
    """What a device is called.

    Attributes:
        short: without its address, which may change when it is plugged in again.
        full: with its address; equal to `short` where it has none.
    """

    short: str
    full: str

    def shown(self, among: Sequence["DeviceName"]) -> str:
        """The name to list it by: short, unless another device has the same."""
        return self.full if Counter(name.short for name in among)[self.short] > 1 else self.short

    def has(self, part: str) -> bool:
        """Whether a part of a name, in any case of letters, is in it."""
        return any(part.casefold() in name.casefold() for name in (self.short, self.full))


def choose(kind: str, asked: str, names: Sequence[DeviceName]) -> int:
    """Which device is meant.

    Args:
        kind: "microphone" or "camera", for the message.
        asked: a name or a part of one.
        names: of all devices.

    Returns:
        its place in `names`.

    Raises:
        DeviceError: none is called so, or several are.
    """
    near = [i for i, name in enumerate(names) if asked in (name.short, name.full)]
    near = near or [i for i, name in enumerate(names) if name.has(asked)]
    if len(near) == 1:
        return near[0]
    shown = [name.shown(names) for name in names]
    known = [shown[i] for i in near] or shown
    listed = "; ".join(map(repr, known))
    if not near:
        raise DeviceError(f"{kind} {asked!r} is not among {listed}; see `tacit devices`")
    if len(set(known)) < len(known):
        raise DeviceError(
            f"{kind} {asked!r}: {len(known)} devices have this name; unplug all but one, or give "
            "them names of their own in the system's settings"
        )
    raise DeviceError(f"{kind} {asked!r} could be any of {listed}; see `tacit devices`")
