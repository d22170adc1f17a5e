import contextlib
import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from numpy.typing import NDArray

from tacit.stream import limits
from tacit.stream.errors import LocalError, WireError
from tacit.stream.packet import Packet
from tacit.stream.wire import (
    DTYPES,
    Message,
    Stamp,
    decode,
    encode,
    message_to_packet,
    packet_to_message,
)

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
fields = st.dictionaries(
    names,
    st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=8
    ),
    max_size=5,
)
arrays = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: stnp.arrays(
        np.dtype(dtype), stnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)
messages = st.builds(
    Message,
    names,
    fields,
    st.dictionaries(names, arrays, max_size=3),
    st.none() | st.builds(Stamp, names, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)),
)


def raw(message: Message) -> list[bytes]:
    return [bytes(part) for part in encode(message)]


def header(k: object = "x", f: object = None, a: object = (), s: object = None) -> bytes:
    body: bytes = msgpack.packb({"k": k, "f": {} if f is None else f, "a": a, "s": s})
    return b"TCT\x01" + body


@FUZZ
@given(messages)
def test_what_is_sent_arrives(message: Message) -> None:
    back = decode(encode(message))
    assert back.kind == message.kind
    assert back.stamp == message.stamp
    assert repr(back.fields) == repr(message.fields)  # repr, because nan != nan
    assert list(back.arrays) == list(message.arrays)
    for name, array in message.arrays.items():
        got = back.arrays[name]
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        assert got.tobytes() == array.tobytes()
        assert not got.flags.writeable
        assert got.flags.aligned


@pytest.mark.fuzz
@FUZZ
@given(st.lists(st.binary(max_size=200), max_size=4))
@example([])
@example([b""])
@example([b"TCT\x01"])
def test_any_bytes_give_a_message_or_a_wire_error(parts: list[bytes]) -> None:
    for variant in (parts, [b"TCT\x01" + part for part in parts[:1]] + parts[1:]):
        with contextlib.suppress(WireError):
            assert isinstance(decode(variant), Message)


@pytest.mark.fuzz
@FUZZ
@given(messages, st.data())
def test_mutated_messages_give_a_message_or_a_wire_error(
    message: Message, data: st.DataObject
) -> None:
    parts = raw(message)
    at = data.draw(st.integers(0, len(parts) - 1))
    part = bytearray(parts[at])
    for _ in range(data.draw(st.integers(1, 4))):
        if part:
            part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    parts[at] = bytes(part[: data.draw(st.integers(0, len(part)))])
    try:
        got = decode(parts)
        message_to_packet(got)
    except WireError:
        pass


def test_every_truncation_is_refused() -> None:
    parts = raw(
        Message("x", {"a": [1, "b"]}, {"v": np.arange(3, dtype=np.int16)}, Stamp("s", 0, 1))
    )
    for at, part in enumerate(parts):
        for size in range(len(part)):
            with pytest.raises(WireError):
                decode([*parts[:at], part[:size], *parts[at + 1 :]])
    for count in range(len(parts)):
        with pytest.raises(WireError):
            decode(parts[:count])


def nested(depth: int) -> bytes:
    return b"TCT\x01" + b"\x91" * depth + b"\x00"


HOSTILE: dict[str, tuple[list[bytes], str]] = {
    "other magic": ([b"GET / HTTP/1.1\r\n"], "wrong first bytes"),
    "newer version": ([b"TCT\x02\x80"], "wire version 02 is not 1"),
    "deep nesting": ([nested(60_000)], "not valid msgpack"),
    "nesting in fields": ([header(f={"a": [[[[[[[[[1]]]]]]]]]})], "nested deeper than 8"),
    "map of 4 G items": ([b"TCT\x01\xdf\xff\xff\xff\xff"], "not valid msgpack"),
    "list of 4 G items": ([b"TCT\x01\xdd\xff\xff\xff\xff"], "not valid msgpack"),
    "text of 4 GB": ([b"TCT\x01\xdb\xff\xff\xff\xff"], "not valid msgpack"),
    "bytes of 4 GB": ([b"TCT\x01\xc6\xff\xff\xff\xff"], "not valid msgpack"),
    "extension type": ([header(f={"a": msgpack.ExtType(5, b"x")})], "not valid msgpack"),
    "timestamp": ([header(f={"a": msgpack.Timestamp(1, 1)})], "not valid msgpack"),
    "bytes": ([header(f={"a": b"x"})], "not valid msgpack"),
    "key that is a number": ([header(f={1: 2})], "not valid msgpack"),
    "text that is not UTF-8": ([b"TCT\x01\xa2\xff\xfe"], "not valid msgpack"),
    "something after the end": ([header() + b"\x00"], "not valid msgpack"),
    "no map": ([b"TCT\x01\x01"], "not a map of exactly"),
    "kind is no text": ([header(k=7)], "kind is not a text"),
    "stamp of two": ([header(s=["a", 1])], "stamp is not"),
    "negative seq": ([header(s=["a", 1, -1])], "seq is not a whole number"),
    "true as epoch": ([header(s=["a", True, 1])], "epoch is not a whole number"),
    "integer over 64 bits": ([header(f={"a": 2**64 - 1})], "fields is not a whole number"),
    "pickled objects": ([header(a=[["v", "object", [1]]]), b"8" * 8], "dtype 'object'"),
    "dtype is code": ([header(a=[["v", "f4,(999,)f4", [1]]]), b"8" * 8], "not one of"),
    "shape of 2**48": ([header(a=[["v", "uint8", [2**24, 2**24]]]), b"1"], "takes 2814749767"),
    "negative shape": ([header(a=[["v", "uint8", [-1]]]), b"1"], "a side of 'v'"),
    "shape of floats": ([header(a=[["v", "uint8", [1.0]]]), b"1"], "a side of 'v'"),
    "wrong size": ([header(a=[["v", "int32", [2]]]), b"1" * 7], "takes 8 bytes, not 7"),
    "too few frames": ([header(a=[["v", "int32", [2]]])], "disagree on the number"),
    "name twice": ([header(a=[["v", "uint8", [1]]] * 2), b"1", b"1"], "comes twice"),
    "true that is 7": ([header(a=[["v", "bool", [1]]]), b"\x07"], "not true or false"),
    "too many frames": ([header()] + [b""] * 17, "18 frames"),
    "header too large": ([b"TCT\x01" + b"\xc0" * limits.MAX_HEADER_BYTES], "is over 65536"),
    "message too large": ([header(), bytes(limits.MAX_MESSAGE_BYTES)], "is over 4194304"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_frames_are_refused_by_name(case: str) -> None:
    parts, reason = HOSTILE[case]
    with pytest.raises(WireError, match=reason):
        decode(parts)


def test_unaligned_frames_are_copied_aligned_ones_are_not() -> None:
    values = np.arange(64, dtype=np.float64)
    head, body = raw(Message("x", {}, {"v": values}))
    room = bytearray(len(body) + 16)
    base = np.frombuffer(room, dtype=np.uint8).ctypes.data
    for shift in range(8):
        room[shift : shift + len(body)] = body
        view = memoryview(room)[shift : shift + len(body)]
        got = decode([head, view]).arrays["v"]
        assert np.array_equal(got, values)
        aligned = (base + shift) % values.itemsize == 0
        assert np.shares_memory(got, np.frombuffer(room, dtype=np.uint8)) is aligned


def test_other_byte_orders_and_layouts_travel() -> None:
    big = np.arange(6, dtype=">i4").reshape(2, 3)
    turned = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))[:, ::-1]
    back = decode(encode(Message("x", {}, {"big": big, "turned": turned}))).arrays
    assert np.array_equal(back["big"], big)
    assert np.array_equal(back["turned"], turned)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Message("x", {"a": {1, 2}}), "set in fields does not travel"),  # type: ignore[dict-item]
        (Message("x", {"a": np.float32(1)}), "float32 in fields"),  # type: ignore[dict-item]
        (Message("x", {"a": 2**70}), "fields is not a whole number"),
        (Message("", {}), "kind is not a text of 1"),
        (Message("x", {"a": "\ud800"}), "surrogates not allowed"),
        (Message("x", {}, {"v": np.array([None])}), "dtype 'object'"),
        (Message("x", {}, {"v": np.zeros(5_000_000, np.uint8)}), "over 4194304"),
        (Message("x", {"a": ["y" * 16_000] * 10}), "header of"),
    ],
)
def test_what_cannot_travel_is_our_own_fault(message: Message, reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        encode(message)


def packet(**changes: Any) -> Packet:
    values: dict[str, Any] = {
        "kind": "media",
        "modality": "audio",
        "participant": "p1",
        "source": "mic",
        "epoch": 1,
        "seq": 2,
        "t_capture_ns": 3,
        "duration_ns": 4,
        "t_available_ns": 7,
        "data": np.array([0.5, -0.5], dtype=np.float32),
        "meta": {"rate_hz": 16000, "words": [["a", 1.5, None]]},
    }
    return Packet(**{**values, **changes})


@pytest.mark.parametrize(
    "sent",
    [
        packet(),
        packet(modality="face", data=np.zeros((4, 6, 3), np.uint8)),
        packet(kind="feature", modality="text", data=np.ones(5, np.float32)),
        packet(kind="end", data=np.zeros(0, np.float32), meta={}),
        packet(data=np.array([np.nan], np.float32)),
    ],
)
def test_packets_arrive_as_they_were(sent: Packet) -> None:
    got = message_to_packet(decode(encode(packet_to_message(sent))))
    for name in Packet.__slots__:
        if name != "data":
            assert getattr(got, name) == getattr(sent, name), name
    assert got.data.dtype == sent.data.dtype
    assert np.array_equal(got.data, sent.data, equal_nan=sent.data.dtype.kind == "f")


def picture(*shape: int) -> NDArray[np.uint8]:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "exec"}, "packet kind 'exec' is not one of"),
        ({"modality": "smell"}, "modality 'smell' is not one of"),
        ({"modality": 5}, "modality 5 is not one of"),
        ({"participant": ""}, "participant is not a text"),
        ({"source": "s" * 200}, "source is not a text"),
        ({"epoch": -1}, "epoch is not a whole number"),
        ({"seq": 1.0}, "seq is not a whole number"),
        ({"t_capture_ns": 2**62}, "t_capture_ns is not a whole number"),
        ({"duration_ns": -1}, "duration_ns is not a whole number"),
        ({"t_available_ns": None}, "t_available_ns is not a whole number"),
        ({"data": np.zeros(4, np.float64)}, "data is float64"),
        ({"data": np.zeros(200_000, np.float32)}, "with N up to"),
        ({"modality": "face", "data": picture(4, 4)}, "not a uint8 picture"),
        ({"modality": "face", "data": picture(4, 2000, 3)}, "sides up to 1920"),
        ({"kind": "feature", "data": np.zeros((2, 2, 2), np.float32)}, "not float32 values"),
    ],
)
def test_packets_with_a_wrong_field_are_refused(changes: dict[str, Any], reason: str) -> None:
    message = decode(encode(packet_to_message(packet(**changes))))
    with pytest.raises(WireError, match=reason):
        message_to_packet(message)


def test_messages_that_are_no_packets_are_refused() -> None:
    good = packet_to_message(packet())
    for bad in (
        Message("other", good.fields, good.arrays),
        Message("packet", {**good.fields, "extra": 1}, good.arrays),
        Message("packet", {k: v for k, v in good.fields.items() if k != "seq"}, good.arrays),
        Message("packet", good.fields, {}),
        Message("packet", {**good.fields, "meta": 5}, good.arrays),
    ):
        with pytest.raises(WireError, match="packet"):
            message_to_packet(bad)


def test_the_header_layout_is_stable() -> None:
    # Processes of different builds must notice each other: this layout changes with VERSION only.
    parts = raw(Message("k", {"n": 1}, {"v": np.array([1], np.int16)}, Stamp("s", 0, 2)))
    expected = {"k": "k", "f": {"n": 1}, "a": [["v", "int16", [1]]], "s": ["s", 0, 2]}
    assert parts[0][:4] == b"TCT\x01"
    assert msgpack.unpackb(parts[0][4:]) == expected
    assert parts[1] == struct.pack("<h", 1)
