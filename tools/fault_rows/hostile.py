"""Rows 33 to 37: what a caller can send that it should not."""

import asyncio
import json
import random
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import numpy as np
import zmq

from tacit.pipeline.config import Settings
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.live.engine import LiveEngine
from tacit.pipeline.server.desk import EngineListener
from tacit.pipeline.server.viewers import Line
from tacit.stream.bus import BusOptions, BusReceiver
from tacit.stream.endpoints import CurveKeys
from tacit.stream.errors import RemoteError
from tacit.stream.limits import (
    BODY_S,
    MAX_MESSAGE_BYTES,
    MAX_SOCKET_MESSAGES_PER_S,
    MAX_SOCKETS,
    MAX_STARTS_PER_MINUTE,
)
from tacit.stream.wire import Message, Stamp, decode, encode
from tools.fault_rows.caller import SDP, Caller, mutated
from tools.fault_rows.clip import sample_path
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import resident_mib
from tools.fault_rows.server import Server, call

OFFERS: Final = 500
MOST_OFFERS: Final = 2000
FRAMES: Final = 4000
CONNECTIONS: Final = 500
LOOP_MS: Final = 50.0


@contextmanager
def idle_server() -> Iterator[Server]:
    """A server whose engine was never started: enough for what is refused."""
    listener = EngineListener()
    server = Server(LiveEngine(Settings(asr="off"), listener), listener)
    try:
        yield server
    finally:
        server.close()


async def an_offer() -> str:
    """A sound offer of sound and pictures."""
    caller = Caller(None)
    caller.pc.addTransceiver("audio")
    caller.pc.addTransceiver("video")
    offer = await caller.offer()
    await caller.close()
    return offer


# First, since the floods below use up the starts of a minute.
@fault(34, "peer-never-connects", "P", detect_ms=11_000)
def peer_never_connects(setting: Setting) -> Outcome:
    """A peer sends its offer and nothing more."""
    server = setting.rig().server

    async def offer() -> str:
        caller = Caller(sample_path())
        text = await caller.offer()
        await caller.close()
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{server.url}/whip", data=text, headers=SDP) as answer,
        ):
            return answer.headers["Tacit-Session"]

    name = server.ask(offer())
    began_ns = time.monotonic_ns()
    ended = setting.rig().hearing.wait(name, lambda e: e.type == "session.closed", 0, 30)
    outcome = Outcome()
    outcome.detected_ms = None if ended is None else (ended.at_ns - began_ns) / 1e6
    return outcome


@fault(33, "offers-garbage", "P")
def offers_garbage(setting: Setting) -> Outcome:
    """Offers with something wrong in them, until 500 were refused.

    Each is read before starts are counted; what is still a good offer gets a session (201), which
    is ended at once, and is told to wait (429) after the starts of a minute.
    """
    server, outcome = setting.rig().server, Outcome()
    statuses = server.ask(_send_garbage(server), 300)
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    outcome.drops = {str(status): count for status, count in counts.items()}
    outcome.check("500 are refused in words", counts.get(400, 0) == OFFERS, counts)
    outcome.check("the others were good offers", set(counts) <= {201, 400, 429}, counts)
    left = _settled_tasks(server)
    outcome.check("no task is left behind", left <= 0, f"{left} more than before")
    outcome.check("no session is left behind", not server.desk.book.live)
    return outcome


async def _send_garbage(server: Server) -> list[int]:
    rng, offer = random.Random(33), await an_offer()
    statuses: list[int] = []
    server.tasks_before = len(asyncio.all_tasks())
    async with aiohttp.ClientSession() as http:
        while statuses.count(400) < OFFERS and len(statuses) < MOST_OFFERS:
            async with http.post(
                f"{server.url}/whip", data=mutated(offer, rng).encode(), headers=SDP
            ) as answer:
                statuses.append(answer.status)
            for served in server.desk.book.live:
                await server.desk.stop(served)
    return statuses


def _settled_tasks(server: Server, limit_s: float = 30.0) -> int:
    """How many tasks more than before, once those that end have ended."""
    deadline_s = time.monotonic() + limit_s
    while (more := server.tasks() - server.tasks_before) > 0 and time.monotonic() < deadline_s:
        time.sleep(0.1)
    return more


@fault(33, "bodies-odd", "P", detect_ms=(BODY_S + 1) * 1000)
def bodies_odd(_setting: Setting) -> Outcome:
    """Bodies that are huge, no JSON, or come drop by drop."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"v"
            await asyncio.sleep(0.5)

    with idle_server() as server:
        url = f"{server.url}/whip"
        huge, _ = server.ask(call("POST", url, data=b"v=0\r\n" * 100_000, headers=SDP))
        plain, _ = server.ask(call("POST", f"{server.url}/api/sessions", data=b"[1"))
        began_s = time.monotonic()
        slow, _ = server.ask(call("POST", url, data=drip(), headers=SDP))
        outcome = Outcome(detected_ms=(time.monotonic() - began_s) * 1000)
        outcome.check("a huge body is 413", huge == 413, huge)
        outcome.check("what is no JSON is 400", plain == 400, plain)
        outcome.check("a body that drips is 408", slow == 408, slow)
    return outcome


@fault(34, "starts-flood", "P")
def starts_flood(setting: Setting) -> Outcome:
    """Four sessions run, and a thousand more are asked for within a minute."""
    server, outcome = setting.rig().server, Outcome()

    async def flood() -> list[int]:
        statuses = []
        body = json.dumps({"source": "sample"})
        async with aiohttp.ClientSession() as http:
            for _ in range(1000):
                async with http.post(f"{server.url}/api/sessions", data=body) as answer:
                    statuses.append(answer.status)
        return statuses

    statuses = server.ask(flood(), 120)
    live = len(server.desk.book.live)
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    outcome.drops = {"429": counts.get(429, 0)}
    most = server.desk.options.sessions
    outcome.check("no more sessions than there may be", live <= most, live)
    outcome.check("the others are told 429", set(counts) <= {201, 429}, counts)

    async def stop_all() -> None:
        for served in server.desk.book.live:
            await server.desk.stop(served)

    server.ask(stop_all())
    found = f"{counts.get(201, 0)} of {MAX_STARTS_PER_MINUTE} a minute"
    outcome.check("starts are paced", counts.get(201, 0) <= MAX_STARTS_PER_MINUTE, found)
    return outcome


@fault(35, "sockets-misused", "P")
def sockets_misused(_setting: Setting) -> Outcome:
    """Web sockets: a flood, a huge message, a hundred that idle, and packed data."""
    with idle_server() as server:
        outcome = Outcome()
        codes = server.ask(_misuse(server.url))
        for name, (wanted, found) in codes.items():
            outcome.check(name, found in wanted, found)
    return outcome


async def _misuse(url: str) -> dict[str, tuple[tuple[int, ...], int]]:
    found: dict[str, tuple[tuple[int, ...], int]] = {}
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{url}/ws") as socket_:
            for _ in range(MAX_SOCKET_MESSAGES_PER_S + 20):
                await socket_.send_str("{}")
            found["a flood is cut off (1008)"] = (1008,), await _close_code(socket_)
        async with http.ws_connect(f"{url}/ws") as socket_:
            await socket_.send_str("x" * 70_000)
            found["a huge message ends the socket (1009)"] = (1009,), await _close_code(socket_)
        async with http.ws_connect(f"{url}/ws", compress=15) as socket_:
            packed = socket_.compress
        found["nothing is unpacked"] = (0,), packed
        opened, refused = [], 0
        for _ in range(100):
            try:
                opened.append(await http.ws_connect(f"{url}/ws"))
            except aiohttp.WSServerHandshakeError as exc:
                refused += exc.status == 429
        wanted = 100 - MAX_SOCKETS
        found[f"{MAX_SOCKETS} of 100 idle sockets are taken"] = (wanted,), refused
        for one in opened:
            await one.close()
    return found


async def _close_code(socket_: "aiohttp.ClientWebSocketResponse") -> int:
    async with asyncio.timeout(20):
        while (await socket_.receive()).type == aiohttp.WSMsgType.TEXT:
            continue
    return socket_.close_code or 0


@fault(35, "viewer-reads-slowly", "P", detect_ms=10_000, gap_hops=2)
def viewer_reads_slowly(setting: Setting) -> Outcome:
    """A viewer stops to read; it is let go, and nobody else notices."""
    rig = setting.rig()
    person, server = rig.play(), rig.server
    assert person.wait(lambda e: e.type == "measurement.result")
    with socket.create_connection(("127.0.0.1", server.port)) as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        viewer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        began_ns = time.monotonic_ns()
        outcome = Outcome()
        server.ask(_pour(server, person.session_id))
        deadline_s = time.monotonic() + 20
        while len(server.desk.audience) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        if not len(server.desk.audience):
            outcome.detected_ms = (time.monotonic_ns() - began_ns) / 1e6
        outcome.gap_hops = person.gap_hops(began_ns, time.monotonic_ns())
    person.stop()
    return outcome


async def _pour(server: Server, session_id: str) -> None:
    """More events than the connection holds, as a long session would give."""
    while not len(server.desk.audience):  # noqa: ASYNC110 - what is waited for is plain state
        await asyncio.sleep(0.01)
    text = json.dumps({"type": "view.level", "filler": "x" * 4000})
    for _ in range(3000):
        server.desk.audience.tell([Line(session_id, text, "view", time.monotonic_ns())])
        await asyncio.sleep(0)


@fault(36, "callers-from-elsewhere", "P")
def callers_from_elsewhere(_setting: Setting) -> Outcome:
    """Pages of other sites, other names for this machine, and other machines."""
    with idle_server() as server:
        outcome, where = Outcome(), f"{server.url}/api/info"
        for name, headers in (
            ("a page of another site", {"Origin": "https://elsewhere.example"}),
            ("another name for this machine", {"Host": "elsewhere.example"}),
        ):
            status, _ = server.ask(call("GET", where, headers=headers))
            outcome.check(f"{name} is refused with 403", status == 403, status)
        status, _ = server.ask(call("GET", where))
        outcome.check("a program on this machine is not", status == 200, status)
        closed = all(_refused(address, server.port) for address in _own_addresses())
        outcome.check("no other address of this machine answers", closed, _own_addresses())
    return outcome


def _own_addresses() -> list[str]:
    """All but the one that is listened on; the machine itself has more than one."""
    found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    return sorted({"127.0.0.2", *(str(info[4][0]) for info in found)} - {"127.0.0.1"})


def _refused(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1.0).close()
    except OSError:
        return True
    return False


@fault(37, "frames-malformed", "U")
def frames_malformed(_setting: Setting) -> Outcome:
    """Messages of the bus that were cut, mixed up, or claim more than they hold."""
    rng, outcome = random.Random(37), Outcome()
    message = Message("feature", {"a": [1, 2], "b": "x"}, {"v": np.ones((4, 5), np.float32)})
    stamped = Message(message.kind, message.fields, message.arrays, Stamp("s", 0, 1))
    good = [bytes(part) for part in encode(stamped)]
    accepted = refused = other = 0
    slowest_s = 0.0
    tracemalloc.start()
    for _ in range(FRAMES):
        parts = _damaged(good, rng)
        # CPU time: on a busy machine the clock says more of others than of this.
        began_s = time.thread_time()
        try:
            decode([memoryview(part) for part in parts])
            accepted += 1
        except RemoteError:
            refused += 1
        except Exception as exc:  # noqa: BLE001 - what must not happen is counted
            other += 1
            outcome.check("only one kind of error", False, repr(exc))
        slowest_s = max(slowest_s, time.thread_time() - began_s)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    outcome.drops = {"refused": refused}
    outcome.check("a message or one named error", other == 0, f"{accepted} and {refused}")
    found = f"{peak >> 10} KiB"
    outcome.check("no allocation beyond the cap", peak <= MAX_MESSAGE_BYTES, found)
    fast = slowest_s * 1000 <= LOOP_MS
    outcome.check("none takes longer than 50 ms", fast, f"{slowest_s * 1000:.1f} ms")
    return outcome


def _damaged(good: list[bytes], rng: random.Random) -> list[bytes]:
    parts = [bytearray(part) for part in good]
    match rng.randrange(5):
        case 0:
            part = rng.choice(parts)
            del part[rng.randrange(len(part) + 1) :]
        case 1:
            for _ in range(rng.randint(1, 8)):
                part = rng.choice(parts)
                part[rng.randrange(len(part))] = rng.randrange(256)
        case 2:
            parts = [bytearray(rng.randbytes(rng.randrange(200))) for _ in range(rng.randint(0, 4))]
        case 3:
            parts.insert(rng.randrange(len(parts) + 1), bytearray(rng.randbytes(20)))
        case _:
            head = parts[0]
            at = rng.randrange(4, len(head))
            head[at : at + 1] = b"\xce\xff\xff\xff\xff"
    return [bytes(part) for part in parts]


@fault(37, "bytes-at-an-open-port", "P")
def bytes_at_an_open_port(_setting: Setting) -> Outcome:
    """500 connections send random bytes to an open TCP port of the bus."""
    outcome = Outcome()
    keys = _keys()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before_mib = resident_mib()
    with BusReceiver(
        f"tcp://127.0.0.1:{port}", bind=True, options=BusOptions(curve=keys)
    ) as receiver:
        rng, delivered = random.Random(5), 0
        for _ in range(CONNECTIONS):
            with socket.create_connection(("127.0.0.1", port)) as guest:
                try:
                    guest.sendall(rng.randbytes(rng.randint(1, 600)))
                except OSError:
                    continue
            delivered += receiver.receive(0.0) is not None
        while receiver.receive(0.2) is not None:
            delivered += 1
        malformed = receiver.statistics().malformed
    outcome.drops = {"malformed": malformed}
    outcome.check("nothing is delivered", delivered == 0, f"of {CONNECTIONS} connections")
    grown = resident_mib() - before_mib
    outcome.check("memory is flat", grown < 50, f"{grown:.1f} MiB more")
    return outcome


def _keys() -> CurveKeys:
    public, secret = zmq.curve_keypair()
    return CurveKeys(public, secret, frozenset({public}))
