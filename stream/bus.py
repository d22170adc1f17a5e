"""The ZeroMQ bus: bounded, counted, and deaf to garbage.

"lossless" is PUSH/PULL with back-pressure: a full queue makes `send` wait. "latest" is PUB/SUB: a
slow receiver loses messages, which its counters show. An end belongs to the thread that made it.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Self

import zmq
import zmq.auth.thread

from . import limits
from .continuity import Continuity, SourceStatistics
from .endpoints import CurveKeys, Scheme, check_endpoint, is_taken
from .errors import BusError, LocalError, WireError
from .wire import Message, Stamp, decode, encode

Delivery = Literal["lossless", "latest"]


@dataclass(frozen=True, slots=True)
class BusOptions:
    """Settings that rarely change.

    Attributes:
        high_water_mark: messages that wait at this end before the policy acts; at least 1.
        curve: keys for TCP; None for ipc, inproc and plain loopback.
    """

    high_water_mark: int = limits.BUS_HIGH_WATER_MARK
    curve: CurveKeys | None = None

    def __post_init__(self) -> None:
        """Refuse 0, which ZeroMQ takes as no bound at all."""
        if self.high_water_mark < 1:
            raise LocalError("high_water_mark must be at least 1: a bus queue has a bound")


_DEFAULTS = BusOptions()


class BusEnd:
    """One socket with its context; ipc and TCP ends own theirs, so that close() flushes.

    Args:
        kinds: ZeroMQ's kind of socket for each delivery that this end knows.
        delivery: "lossless" or "latest".
        options: settings that rarely change.
    """

    def __init__(
        self, kinds: Mapping[Delivery, int], delivery: Delivery, options: BusOptions
    ) -> None:
        if delivery not in kinds:
            raise LocalError(f"delivery {delivery!r} is not one of {list(kinds)}")
        self._kind, self._delivery, self._options = kinds[delivery], delivery, options
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._authenticator: zmq.auth.thread.ThreadAuthenticator | None = None

    def _attach(self, endpoints: Sequence[str], bind: bool) -> None:
        curve = self._options.curve
        schemes = [check_endpoint(e, encrypted=curve is not None) for e in endpoints]
        if not schemes or len({scheme == "inproc" for scheme in schemes}) != 1:
            raise LocalError(f"give one or more endpoints, inproc apart from others: {endpoints}")
        if schemes[0] == "inproc":
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        else:
            context = self._context = zmq.Context()
        self.socket: zmq.Socket[bytes] = context.socket(self._kind)
        try:
            self._configure(bind, schemes)
            for endpoint, scheme in zip(endpoints, schemes, strict=True):
                self._join(endpoint, scheme, bind)
        except (zmq.ZMQError, BusError):
            self.close(0.0)
            raise

    def _configure(self, bind: bool, schemes: Sequence[Scheme]) -> None:
        options: dict[int, int] = {
            zmq.SNDHWM: self._options.high_water_mark,
            zmq.RCVHWM: self._options.high_water_mark,
            zmq.LINGER: limits.BUS_LINGER_MS,
            zmq.MAXMSGSIZE: limits.MAX_MESSAGE_BYTES,
            zmq.HANDSHAKE_IVL: limits.BUS_HANDSHAKE_MS,
            zmq.RECONNECT_IVL: limits.BUS_RECONNECT_MS,
            zmq.RECONNECT_IVL_MAX: limits.BUS_RECONNECT_MAX_MS,
        }
        if self._delivery == "latest":
            # Not under back-pressure: libzmq stops reading a connection whose queue is full, misses
            # the heartbeats in it, drops the connection and with it queued messages (measured: of
            # 188 messages 67 came, out of order). There the kernel tells of a death, and the
            # supervisor's own heartbeat of a freeze.
            patience_ms = limits.BUS_HEARTBEAT_MS * limits.BUS_HEARTBEAT_MISSES
            options[zmq.HEARTBEAT_IVL] = limits.BUS_HEARTBEAT_MS
            options[zmq.HEARTBEAT_TIMEOUT] = options[zmq.HEARTBEAT_TTL] = patience_ms
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        if self._options.curve is not None and "tcp" in schemes:
            self._encrypt(self._options.curve, bind)

    def _encrypt(self, curve: CurveKeys, bind: bool) -> None:
        self.socket.curve_publickey = curve.public
        self.socket.curve_secretkey = curve.secret
        if not bind:
            if len(curve.peers) != 1:
                raise BusError("a connecting end needs exactly one peer key: the server's")
            self.socket.curve_serverkey = next(iter(curve.peers))
            return
        self.socket.curve_server = True
        self._authenticator = zmq.auth.thread.ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", _AllowList(curve.peers))

    def _join(self, endpoint: str, scheme: Scheme, bind: bool) -> None:
        try:
            if not bind:
                self.socket.connect(endpoint)
                return
            if scheme == "ipc" and is_taken(endpoint.removeprefix("ipc://")):
                raise BusError(f"{endpoint} is in use by another process; stop it or pick another")
            self.socket.bind(endpoint)
        except zmq.ZMQError as error:
            verb = "bound" if bind else "connected to"
            raise BusError(f"{endpoint} cannot be {verb}: {error.strerror}") from error

    def close(self, linger_s: float = limits.BUS_LINGER_MS / 1000) -> None:
        """Close the socket, waiting at most `linger_s` for queued messages to leave."""
        if not self.socket.closed:
            self.socket.close(linger=max(0, math.ceil(linger_s * 1000)))
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        if self._context is not None:
            self._context.term()
            self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _AllowList:
    """The form of credentials that pyzmq's authenticator asks."""

    def __init__(self, keys: frozenset[bytes]) -> None:
        self._keys = keys

    def callback(self, domain: str, key: bytes) -> bool:
        return key in self._keys


class BusSender(BusEnd):
    """Sends messages of one source, stamped with source, epoch and a running seq."""

    def __init__(
        self,
        endpoint: str,
        *,
        source: str,
        bind: bool,
        epoch: int = 0,
        delivery: Delivery = "lossless",
        options: BusOptions = _DEFAULTS,
    ) -> None:
        """Open the end.

        Args:
            endpoint: `ipc://PATH`, `inproc://NAME` or `tcp://HOST:PORT`.
            source: name of the source; one sender per name at a time.
            bind: whether this end owns the endpoint.
            epoch: restarts of the source so far; receivers refuse an epoch that is over.
            delivery: "lossless" (PUSH) or "latest" (PUB).
            options: settings that rarely change.

        Raises:
            BusError: the endpoint cannot be used.
            LocalError: the endpoint or a setting is not allowed.
        """
        super().__init__({"lossless": zmq.PUSH, "latest": zmq.PUB}, delivery, options)
        self._source, self._epoch, self._seq = source, epoch, 0
        self._attach([endpoint], bind)

    def send(self, message: Message, timeout_s: float = 0.0) -> bool:
        """Send a message.

        Args:
            message: what to send; a stamp on it is replaced.
            timeout_s: how long to wait for room. "latest" never waits.

        Returns:
            False where there was no room in time; nothing was sent then.

        Raises:
            LocalError: the message cannot travel.
            BusError: the end is closed.
        """
        stamp = Stamp(self._source, self._epoch, self._seq)
        parts = encode(Message(message.kind, message.fields, message.arrays, stamp))
        try:
            if not self.socket.poll(_to_ms(timeout_s), zmq.POLLOUT):
                return False
            self.socket.send_multipart(parts, flags=zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            raise BusError(f"sender {self._source!r} cannot send: {error.strerror}") from error
        self._seq += 1
        return True


class BusStatistics(NamedTuple):
    """Counters of a receiving end.

    Attributes:
        received: messages handed out.
        malformed: refused because they are not valid messages.
        refused_sources: refused because there were too many sources already.
        sources: counters by source.
    """

    received: int
    malformed: int
    refused_sources: int
    sources: Mapping[str, SourceStatistics]


class BusReceiver(BusEnd):
    """Receives messages; whatever is malformed, repeated or stale is counted and passed over."""

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        bind: bool,
        delivery: Delivery = "lossless",
        options: BusOptions = _DEFAULTS,
    ) -> None:
        """Open the end.

        Args:
            endpoints: one or more addresses.
            bind: whether this end owns them.
            delivery: "lossless" (PULL) or "latest" (SUB).
            options: settings that rarely change.

        Raises:
            BusError: an endpoint cannot be used.
            LocalError: an endpoint or a setting is not allowed.
        """
        super().__init__({"lossless": zmq.PULL, "latest": zmq.SUB}, delivery, options)
        self._continuity = Continuity()
        self._received = self._malformed = 0
        self._attach([endpoints] if isinstance(endpoints, str) else endpoints, bind)
        if delivery == "latest":
            self.socket.subscribe(b"")

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        """Take the next good message.

        Args:
            timeout_s: how long to wait for one.

        Returns:
            The message with its stamp, or None where none came in time.

        Raises:
            BusError: the end is closed.
        """
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        # A flood of garbage must not hold the caller for ever, nor one bad message cost a poll.
        patience = self._options.high_water_mark
        while True:
            try:
                parts = self._read()
            except zmq.Again:
                parts = None
            except zmq.ZMQError as error:
                raise BusError(f"the bus cannot be read: {error.strerror}") from error
            message = None if parts is None else self._accept(parts)
            if message is not None:
                return message
            left_ns = deadline_ns - time.monotonic_ns()
            patience -= 1
            if left_ns <= 0 and (parts is None or patience <= 0):
                return None
            if parts is None:
                self.socket.poll(_to_ms(left_ns / 1e9))

    def _read(self) -> list[memoryview]:
        """Read one multipart message, keeping no more parts than a message may have."""
        parts: list[memoryview] = []
        while True:
            frame = self.socket.recv(zmq.NOBLOCK, copy=False)
            if len(parts) <= limits.MAX_ARRAYS + 1:
                parts.append(memoryview(frame.buffer))
            if not frame.more:
                return parts

    def _accept(self, parts: list[memoryview]) -> Message | None:
        try:
            message = decode(parts)
        except WireError:
            self._malformed += 1
            return None
        if message.stamp is None:
            self._malformed += 1
            return None
        if not self._continuity.admit(message.stamp):
            return None
        self._received += 1
        return message

    def statistics(self) -> BusStatistics:
        """Counters since this end was opened."""
        return BusStatistics(
            self._received,
            self._malformed,
            self._continuity.refused_sources,
            self._continuity.statistics(),
        )


def _to_ms(timeout_s: float) -> int:
    return max(0, math.ceil(timeout_s * 1000))
