"""Rows 28, 30 and 31: peers that leave, vanish, lose their link or send only a part."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tacit.pipeline.events import SessionReady
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.server.book import Served
from tacit.stream.packet import NS_PER_MS
from tools.fault_rows.caller import Caller
from tools.fault_rows.clip import sample_path
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import PATIENCE_S, Person, Rig, changes, reads, used
from tools.fault_rows.server import Server

FREED_MS: Final = 10_000.0
LOST_MS: Final = 2000.0
HOST, GUEST = "10.213.0.1", "10.213.0.2"


class Peer:
    """A peer in a process of its own.

    Args:
        rig: whose server it calls.
        url: of that server; None for its own address.
        wrap: words that go before the command.
    """

    def __init__(self, rig: Rig, url: str | None = None, wrap: tuple[str, ...] = ()) -> None:
        command = [*wrap, sys.executable, "-m", "tools.fault_rows.caller", url or rig.server.url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert words[:1] == ["sending"], "the peer did not reach the server"
        self.person = Person(rig.hearing, words[1], lambda: None)
        found = rig.server.desk.book.get(words[1])
        assert found is not None
        self.served: Served = found
        assert self.person.wait(reads("audio")), "nothing is heard of the peer"
        assert self.person.wait(reads("face")), "nothing is seen of the peer"

    def end_ms(self, since_ns: int, limit_s: float = PATIENCE_S) -> float | None:
        """How long after a moment the server began to end its session."""
        deadline_s = time.monotonic() + limit_s
        while self.served.handle.ending is None:
            if time.monotonic() > deadline_s:
                return None
            time.sleep(0.001)
        return (time.monotonic_ns() - since_ns) / NS_PER_MS

    def freed_ms(self, since_ns: int) -> float | None:
        """How long after a moment its session had ended."""
        return self.person.waited_ms(lambda e: e.type == "session.closed", since_ns)

    def close(self) -> None:
        """End the process, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def peer(rig: Rig, url: str | None = None, wrap: tuple[str, ...] = ()) -> Iterator[Peer]:
    """A peer that is ended in the end."""
    made = Peer(rig, url, wrap)
    try:
        yield made
    finally:
        made.close()


@fault(28, "peer-closes", "P", detect_ms=50, recover_ms=3000)
def peer_closes(setting: Setting) -> Outcome:
    """A tab is closed: the page says goodbye."""
    rig = setting.rig()
    with peer(rig) as one:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.stdout is not None
        word, said_ns = one.process.stdout.readline().split()
        assert word == "closing"
        outcome = Outcome(detected_ms=one.end_ms(int(said_ns)))
        one.freed_ms(0)
    outcome.recovered_ms = new_session_ms(rig)
    return outcome


@fault(28, "peer-killed", "P", detect_ms=500, recover_ms=3000)
def peer_killed(setting: Setting) -> Outcome:
    """A browser crashes: no goodbye, and nothing more comes."""
    return _vanished(setting.rig(), signal.SIGKILL)


@fault(28, "peer-stopped", "P", detect_ms=500, recover_ms=3000)
def peer_stopped(setting: Setting) -> Outcome:
    """The lid of a laptop is closed."""
    return _vanished(setting.rig(), signal.SIGSTOP)


def _vanished(rig: Rig, how: signal.Signals) -> Outcome:
    with peer(rig) as one:
        since_ns = time.monotonic_ns()
        one.process.send_signal(how)
        person, outcome = one.person, Outcome()
        outcome.detected_ms = person.waited_ms(changes("audio", "degraded", "lost"), since_ns)
        lost = [person.waited_ms(changes(m, "lost"), since_ns) for m in ("audio", "face")]
        slowest = max((ms for ms in lost if ms is not None), default=None)
        fine = None not in lost and slowest is not None and slowest <= LOST_MS
        outcome.check("both are lost within 2 s", fine, f"{slowest} ms")
        freed_ms = one.freed_ms(since_ns)
        found = "never" if freed_ms is None else f"{freed_ms:.0f} ms"
        outcome.check("its place is free within 10 s", (freed_ms or 1e9) <= FREED_MS, found)
    outcome.recovered_ms = new_session_ms(rig)
    return outcome


def new_session_ms(rig: Rig) -> float | None:
    """How long a new peer needs from its offer to the first event of its session."""

    async def call() -> float:
        caller = Caller(sample_path())
        began_ns = time.monotonic_ns()
        name = await caller.call(rig.server.url)
        person = Person(rig.hearing, name, lambda: None)
        ready = await asyncio.to_thread(
            person.wait, lambda e: isinstance(e, SessionReady), began_ns, 20.0
        )
        await caller.close()
        await asyncio.to_thread(person.wait, lambda e: e.type == "session.closed", 0, 20.0)
        assert ready is not None, "no session began"
        return (ready.at_ns - began_ns) / NS_PER_MS

    return rig.server.ask(call())


@fault(31, "sound-alone", "P")
def sound_alone(setting: Setting) -> Outcome:
    """A peer that offers no pictures."""
    return _part(setting.rig(), ("audio",))


@fault(31, "pictures-alone", "P")
def pictures_alone(setting: Setting) -> Outcome:
    """A peer that offers no sound."""
    return _part(setting.rig(), ("video",))


def _part(rig: Rig, kinds: tuple[str, ...]) -> Outcome:
    there, gone = ("audio", "face") if kinds == ("audio",) else ("face", "audio")
    server = rig.server
    caller, name = server.ask(_called(server, kinds))
    person, outcome = Person(rig.hearing, name, lambda: None), Outcome()
    first = person.wait(lambda e: isinstance(e, SessionReady))
    assert first is not None
    assert isinstance(first.event, SessionReady)
    state = first.event.modalities[gone]  # type: ignore[index]
    found = f"{state.state}: {state.reason}"
    told = state.state == "disabled" and state.reason == "not_offered"
    outcome.check("the first event says what is missing, and why", told, found)
    read = person.wait(reads(there))  # type: ignore[arg-type]
    outcome.check("what is there is read", read is not None)
    server.ask(caller.close())
    person.wait(lambda e: e.type == "session.closed", 0, 20.0)
    return outcome


@fault(31, "track-stops", "P", detect_ms=500, gap_hops=2)
def track_stops(setting: Setting) -> Outcome:
    """The camera's track ends in a call that goes on."""
    server = setting.rig().server
    caller, name = server.ask(_called(server, ("audio", "video")))
    person = Person(setting.rig().hearing, name, lambda: None)
    assert person.wait(reads("face"))
    assert person.wait(reads("audio"))
    since_ns = time.monotonic_ns()
    server.loop.call_soon_threadsafe(caller.tracks[1].stop)
    outcome = Outcome(detected_ms=person.waited_ms(changes("face", "degraded", "lost"), since_ns))
    later = person.wait(reads("audio"), since_ns + 2_000_000_000)
    outcome.check("the voice goes on", later is not None)
    outcome.gap_hops = person.gap_hops(since_ns, time.monotonic_ns())
    server.ask(caller.close())
    person.wait(lambda e: e.type == "session.closed", 0, 20.0)
    return outcome


async def _called(server: Server, kinds: tuple[str, ...]) -> tuple[Caller, str]:
    caller = Caller(sample_path(), kinds)
    return caller, await caller.call(server.url)


@contextmanager
def cable(pid: int) -> Iterator[None]:
    """A network of two, between this machine's and the namespace that a process has."""
    try:
        _ip("link", "add", "tacit0", "type", "veth", "peer", "name", "tacit1", "netns", str(pid))
        _ip("addr", "add", f"{HOST}/30", "dev", "tacit0")
        _ip("link", "set", "tacit0", "up")
        for words in (
            ("addr", "add", f"{GUEST}/30", "dev", "tacit1"),
            ("link", "set", "tacit1", "up"),
            ("link", "set", "lo", "up"),
        ):
            subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *words], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", "tacit0"], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def behind_cable(rig: Rig) -> Iterator[Peer]:
    """A peer in a network namespace of its own, joined to the server by one cable."""
    with subprocess.Popen(["unshare", "--net", "sleep", "600"]) as holder:
        try:
            time.sleep(0.3)
            with cable(holder.pid), rig.listening_on(HOST) as url:
                wrap = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
                with peer(rig, url, wrap) as one:
                    yield one
        finally:
            holder.kill()


def why_no_namespace() -> str:
    """Why network namespaces cannot be made here; empty when they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, for a network of its own"
    try:
        made = subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False)
    except OSError as exc:
        return f"needs unshare and ip: {exc}"
    return "" if made.returncode == 0 else f"no network namespaces: {made.stderr.decode().strip()}"


@fault(30, "link-down-3s", "N", detect_ms=500, recover_ms=2000)
def link_down_for_3_s(setting: Setting) -> Outcome:
    """The network is away for three seconds; the call goes on afterwards."""
    if why := why_no_namespace():
        return Outcome(skipped=why)
    with behind_cable(setting.rig()) as one:
        since_ns = time.monotonic_ns()
        _ip("link", "set", "tacit0", "down")
        person, outcome = one.person, Outcome()
        outcome.detected_ms = person.waited_ms(changes("audio", "degraded", "lost"), since_ns)
        time.sleep(max(0.0, 3.0 - (time.monotonic_ns() - since_ns) / 1e9))
        up_ns = time.monotonic_ns()
        _ip("link", "set", "tacit0", "up")
        outcome.recovered_ms = person.waited_ms(used("audio"), up_ns)
        outcome.check("the same session goes on", one.served.state == "live", one.served.state)
        return outcome


@fault(30, "link-down-for-good", "N", detect_ms=500, recover_ms=3000)
def link_down_for_good(setting: Setting) -> Outcome:
    """The network is away for longer than ten seconds: the place is freed, a new call works."""
    if why := why_no_namespace():
        return Outcome(skipped=why)
    rig = setting.rig()
    with behind_cable(rig) as one:
        since_ns = time.monotonic_ns()
        _ip("link", "set", "tacit0", "down")
        outcome = Outcome()
        outcome.detected_ms = one.person.waited_ms(changes("audio", "degraded", "lost"), since_ns)
        freed_ms = one.freed_ms(since_ns)
        found = "never" if freed_ms is None else f"{freed_ms:.0f} ms"
        outcome.check("its place is free within 10 s", (freed_ms or 1e9) <= FREED_MS, found)
    outcome.recovered_ms = new_session_ms(rig)
    return outcome
