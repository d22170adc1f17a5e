"""Wire format of the bus: messages to byte frames and back, without I/O.

Frame 0 is four bytes (magic `TCT`, version) and a msgpack map: `k` kind, `f` fields, `a` array
specifications [name, dtype, shape], `s` stamp [source, epoch, seq] or nil. Then comes one frame of
raw little-endian bytes per array. Whatever bytes arrive, `decode` gives a Message or raises
WireError; nothing is allocated before its declared size was checked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

from . import limits
from .errors import LocalError, WireError
from .packet import MODALITIES, Meta, Modality, Packet

MAGIC: Final = b"TCT"
VERSION: Final = 1
DTYPES: Final = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64")
}
PACKET_KINDS: Final = frozenset({"media", "feature", "transcript", "bound", "status", "end"})
Part = bytes | bytearray | memoryview

_PREFIX: Final = MAGIC + bytes([VERSION])
_HEADER: Final = frozenset("kfas")
_INT64: Final = 1 << 63
_ALWAYS_GOOD: Final = frozenset({bool, float, type(None)})
_NAME_CHARS: Final = limits.MAX_NAME_CHARS
_TEXT_CHARS: Final = limits.MAX_TEXT_CHARS
_MODALITIES: Final[dict[object, Modality]] = {modality: modality for modality in MODALITIES}


class Stamp(NamedTuple):
    """Who sent a message: source name, restarts of it so far, count within this epoch."""

    source: str
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """What travels on the bus.

    Attributes:
        kind: what it is; the receiver decides by it.
        fields: small facts; only None, bool, int, float, str, and lists and string-keyed maps.
        arrays: named arrays of the dtypes in `DTYPES`.
        stamp: put on by the sender; None outside the bus.
    """

    kind: str
    fields: Meta = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    stamp: Stamp | None = None


def encode(message: Message) -> list[bytes | memoryview]:
    """Encode a message as frames for a multipart send.

    The array frames are views where the layout allows it: don't change the arrays before the
    frames are sent.

    Args:
        message: what to send.

    Returns:
        The header frame and one frame per array.

    Raises:
        LocalError: the message breaks a limit or holds a type that does not travel.
    """
    try:
        _check_name(message.kind, "kind")
        _check_map(message.fields, "fields", 1)
        if message.stamp is not None:
            _check_stamp(list(message.stamp))
        specs: list[tuple[str, str, tuple[int, ...]]] = []
        parts: list[bytes | memoryview] = [b""]
        for name, array in message.arrays.items():
            specs.append((name, array.dtype.name, array.shape))
            _check_spec([name, array.dtype.name, list(array.shape)])
            parts.append(_array_bytes(array))
        header: bytes = msgpack.packb(
            {"k": message.kind, "f": message.fields, "a": specs, "s": message.stamp}
        )
        parts[0] = _PREFIX + header
        _check_sizes([len(part) for part in parts])
    except (WireError, ValueError, OverflowError, TypeError) as error:
        raise LocalError(f"message {message.kind!r:.40} cannot be sent: {error}") from error
    return parts


def decode(parts: Sequence[Part]) -> Message:
    """Decode received frames.

    Args:
        parts: the frames as received; array frames may be views into a receive buffer.

    Returns:
        The message; its arrays are read-only, and views of `parts` where those are aligned.

    Raises:
        WireError: anything at all is wrong with the frames.
    """
    try:
        views = [memoryview(part).cast("B") for part in parts]
    except TypeError as error:
        raise WireError(f"frames are not plain bytes: {error}") from error
    _check_sizes([len(view) for view in views])
    if bytes(views[0][:3]) != MAGIC:
        raise WireError("not a Tacit message: wrong first bytes")
    if bytes(views[0][3:4]) != _PREFIX[3:]:
        raise WireError(f"wire version {bytes(views[0][3:4]).hex()} is not {VERSION}; update")
    header = _unpack(views[0][4:])
    if type(header) is not dict or header.keys() != _HEADER:
        raise WireError("header is not a map of exactly k, f, a, s")
    kind, fields, specs, stamp = header["k"], header["f"], header["a"], header["s"]
    _check_name(kind, "kind")
    _check_map(fields, "fields", 1)
    if type(specs) is not list or len(specs) != len(views) - 1:
        raise WireError("header and frames disagree on the number of arrays")
    arrays: dict[str, NDArray[Any]] = {}
    for spec, view in zip(specs, views[1:], strict=True):
        name, dtype, shape = _check_spec(spec)
        if name in arrays:
            raise WireError(f"array {name!r} comes twice")
        arrays[name] = _array(name, dtype, shape, view)
    return Message(kind, fields, arrays, None if stamp is None else _check_stamp(stamp))


def _unpack(header: memoryview) -> Any:
    try:
        return msgpack.unpackb(
            header,
            raw=False,
            strict_map_key=True,
            max_str_len=limits.MAX_TEXT_CHARS * 4,
            max_bin_len=0,
            max_ext_len=0,
            max_array_len=limits.MAX_FIELD_ITEMS,
            max_map_len=limits.MAX_FIELD_ITEMS,
        )
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        raise WireError(f"header is not valid msgpack: {type(error).__name__}") from error


def _check_sizes(sizes: Sequence[int]) -> None:
    if not 1 <= len(sizes) <= limits.MAX_ARRAYS + 1:
        raise WireError(f"{len(sizes)} frames; a message has 1 to {limits.MAX_ARRAYS + 1}")
    if sizes[0] > limits.MAX_HEADER_BYTES:
        raise WireError(f"header of {sizes[0]} bytes is over {limits.MAX_HEADER_BYTES}")
    if sum(sizes) > limits.MAX_MESSAGE_BYTES:
        raise WireError(f"message of {sum(sizes)} bytes is over {limits.MAX_MESSAGE_BYTES}")


def _check_name(value: object, what: str) -> str:
    if type(value) is not str or not 1 <= len(value) <= limits.MAX_NAME_CHARS:
        raise WireError(f"{what} is not a text of 1 to {limits.MAX_NAME_CHARS} characters")
    return value


def _check_int(value: object, what: str, low: int = 0, high: int = _INT64 - 1) -> int:
    if type(value) is not int or not low <= value <= high:
        raise WireError(f"{what} is not a whole number from {low} to {high}")
    return value


def _check_map(value: object, what: str, depth: int) -> None:
    if type(value) is not dict and not isinstance(value, Mapping):
        raise WireError(f"{what} is not a map")
    if len(value) > limits.MAX_FIELD_ITEMS:
        raise WireError(f"{what} is not a map of at most {limits.MAX_FIELD_ITEMS} items")
    shallow = depth <= limits.MAX_FIELD_DEPTH
    for key, item in value.items():
        # Nearly every key and most values pass here; the slow road tells what is wrong.
        if type(key) is not str or not 0 < len(key) <= _NAME_CHARS:
            _check_name(key, f"a key of {what}"[:80])
        kind = type(item)
        if shallow and (
            kind is float
            or (kind is int and -_INT64 <= item < _INT64)
            or (kind is str and len(item) <= _TEXT_CHARS)
            or kind in _ALWAYS_GOOD
        ):
            continue
        _check_value(item, what, depth)


def _check_value(value: object, what: str, depth: int) -> None:
    if depth > limits.MAX_FIELD_DEPTH:
        raise WireError(f"{what} are nested deeper than {limits.MAX_FIELD_DEPTH}")
    if value is None or type(value) in (bool, float):
        return
    if type(value) is int:
        _check_int(value, what, -_INT64)
    elif type(value) is str:
        if len(value) > limits.MAX_TEXT_CHARS:
            raise WireError(f"a text in {what} is over {limits.MAX_TEXT_CHARS} characters")
    elif type(value) in (list, tuple):
        assert isinstance(value, list | tuple)
        if len(value) > limits.MAX_FIELD_ITEMS:
            raise WireError(f"a list in {what} is over {limits.MAX_FIELD_ITEMS} items")
        for item in value:
            _check_value(item, what, depth + 1)
    elif isinstance(value, Mapping):
        _check_map(value, what, depth + 1)
    else:
        raise WireError(f"{type(value).__name__} in {what} does not travel")


def _check_stamp(value: object) -> Stamp:
    if type(value) is not list or len(value) != 3:
        raise WireError("stamp is not [source, epoch, seq]")
    return Stamp(
        _check_name(value[0], "source"),
        _check_int(value[1], "epoch"),
        _check_int(value[2], "seq"),
    )


def _check_spec(spec: object) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if type(spec) is not list or len(spec) != 3:
        raise WireError("array specification is not [name, dtype, shape]")
    name = _check_name(spec[0], "array name")
    if type(spec[1]) is not str or spec[1] not in DTYPES:
        raise WireError(f"array {name!r} has dtype {spec[1]!r:.40}, not one of {list(DTYPES)}")
    if type(spec[2]) is not list or len(spec[2]) > limits.MAX_ARRAY_NDIM:
        raise WireError(f"array {name!r} has no shape of at most {limits.MAX_ARRAY_NDIM} sides")
    for side in spec[2]:
        if type(side) is not int or not 0 <= side <= limits.MAX_DIMENSION:
            _check_int(side, f"a side of {name!r}", 0, limits.MAX_DIMENSION)
    return name, DTYPES[spec[1]], tuple(spec[2])


def _array_bytes(array: NDArray[Any]) -> bytes | memoryview:
    plain = np.ascontiguousarray(array, dtype=DTYPES[array.dtype.name])
    # memoryview.cast refuses shapes with a zero in them.
    return plain.reshape(-1).view(np.uint8).data if plain.size else b""


def _array(
    name: str, dtype: np.dtype[Any], shape: tuple[int, ...], view: memoryview
) -> NDArray[Any]:
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != len(view):
        raise WireError(f"array {name!r} of shape {shape} takes {wanted} bytes, not {len(view)}")
    flat = np.frombuffer(view, dtype=dtype) if wanted else np.zeros(0, dtype)
    if dtype == np.bool_ and wanted and int(flat.view(np.uint8).max()) > 1:
        raise WireError(f"array {name!r} holds bytes that are not true or false")
    if not flat.flags.aligned:
        flat = flat.copy()
    array = flat.reshape(shape)
    array.flags.writeable = False
    return array


def packet_to_message(packet: Packet) -> Message:
    """Put a packet into a message of kind "packet"."""
    names = ("modality", "participant", "source", "epoch", "seq", *_TIMES)
    fields = {name: getattr(packet, name) for name in names}
    return Message(
        "packet",
        {"kind": packet.kind, **fields, "meta": dict(packet.meta)},
        {"data": packet.data},
    )


_ARRAYS: Final = frozenset(("data",))
_TIMES: Final = ("t_capture_ns", "duration_ns", "t_available_ns")
_FIELDS: Final = frozenset(
    ("kind", "modality", "participant", "source", "epoch", "seq", "meta", *_TIMES)
)


def message_to_packet(message: Message) -> Packet:
    """Take the packet out of a message, checking every field.

    Whether the values are finite is not checked here: that is a matter of quality.

    Raises:
        WireError: the message holds no valid packet.
    """
    fields = message.fields
    if message.kind != "packet" or fields.keys() != _FIELDS or message.arrays.keys() != _ARRAYS:
        raise WireError(f"message {message.kind!r:.40} is not a packet")
    kind, meta, limit_ns = fields["kind"], fields["meta"], limits.MAX_TIME_NS
    if kind not in PACKET_KINDS:
        raise WireError(f"packet kind {kind!r:.40} is not one of {sorted(PACKET_KINDS)}")
    if not isinstance(meta, dict):
        raise WireError("packet meta is not a map")
    packet = Packet(
        kind=str(kind),
        modality=_modality(fields["modality"]),
        participant=_check_name(fields["participant"], "participant"),
        source=_check_name(fields["source"], "source"),
        epoch=_check_int(fields["epoch"], "epoch"),
        seq=_check_int(fields["seq"], "seq"),
        t_capture_ns=_check_int(fields["t_capture_ns"], "t_capture_ns", -limit_ns, limit_ns),
        duration_ns=_check_int(fields["duration_ns"], "duration_ns", 0, limit_ns),
        t_available_ns=_check_int(fields["t_available_ns"], "t_available_ns", -limit_ns, limit_ns),
        data=message.arrays["data"],
        meta=meta,
    )
    _check_data(packet)
    return packet


def _modality(value: object) -> Modality:
    modality = _MODALITIES.get(value) if type(value) is str else None
    if modality is None:
        raise WireError(f"modality {value!r:.40} is not one of {list(MODALITIES)}")
    return modality


def _check_data(packet: Packet) -> None:
    data, side = packet.data, limits.MAX_PICTURE_SIDE
    if data.size == 0:
        return
    if packet.kind == "media" and packet.modality == "face":
        good = data.dtype == np.uint8 and data.ndim == 3 and data.shape[2] == 3
        good = good and max(data.shape) <= side
        wanted = f"a uint8 picture (H, W, 3) with sides up to {side}"
    elif packet.kind == "media" and packet.modality == "audio":
        good = data.dtype == np.float32 and data.ndim == 1
        good = good and data.size <= limits.MAX_AUDIO_SAMPLES
        wanted = f"float32 samples (N,) with N up to {limits.MAX_AUDIO_SAMPLES}"
    elif packet.kind == "feature":
        good = data.dtype == np.float32 and data.ndim in (1, 2)
        wanted = "float32 values (D,), or (F, D) for F frames"
    else:
        return
    if not good:
        raise WireError(
            f"{packet.kind} {packet.modality} data is {data.dtype} {data.shape}, not {wanted}"
        )
