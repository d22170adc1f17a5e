"""Feeds mutated inputs to every parser and looks whether the invariant holds.

    python -m tools.fuzz run --cases 20000
    python -m tools.fuzz run --only wire --seed 7
    python -m tools.fuzz guided wire --seconds 60

Each parser runs in a process of its own, so that even a crash in native code is found and named.
Inputs that break the invariant are kept in tests/corpus and tried in every test run. `guided` lets
atheris look for new paths, where that package is installed.
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tools.fuzz_targets import MSGPACK_BOMBS, TARGETS, Target

CORPUS: Final = Path(__file__).resolve().parent.parent / "tests" / "corpus"
MEMORY_EVERY: Final = 20
"""Every n-th case is measured for memory, which slows it down."""
MAGIC: Final = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated(seeds: Sequence[bytes], source: random.Random) -> bytes:
    """One input made from good ones: cut, flipped, repeated, overwritten, or made up."""
    if source.random() < 0.05:
        return source.randbytes(source.choice((0, 1, 4, 64, 2000)))
    data = bytearray(source.choice(seeds))
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        at = source.randrange(len(data) + 1)
        match source.randrange(7):
            case 0:
                del data[at:]
            case 1 if at < len(data):
                data[at] ^= 1 << source.randrange(8)
            case 2:
                data[at:at] = source.randbytes(source.choice((1, 4, 50)))
            case 3:
                size = source.choice((1, 2, 4))
                number = source.choice(MAGIC) & ((1 << 8 * size) - 1)
                data[at : at + size] = number.to_bytes(size, source.choice(("little", "big")))
            case 4:
                data[at:at] = data[at : at + source.choice((4, 100))] * source.choice((1, 9))
            case 5:
                del data[at : at + source.choice((1, 4, 100))]
            case _:
                other = source.choice(seeds)
                data[at:] = other[source.randrange(len(other) + 1) :]
    return bytes(data[: 1 << 20])


def known_bad(target: Target, corpus: Path = CORPUS) -> list[bytes]:
    """Inputs that once broke the invariant, and those that ask for a lot."""
    kept = sorted((corpus / target.name).glob("*.bin"))
    return [*MSGPACK_BOMBS, *(path.read_bytes() for path in kept)]


@dataclass(slots=True)
class Tally:
    """What came of the cases of one parser.

    Attributes:
        name: which.
        cases: how many.
        values: that gave a value.
        refused: that gave the documented error.
        outside: what broke the invariant: how, and the name of the kept input.
        slowest_ms: longest case, processor time.
        most_bytes: largest allocation that was measured.
    """

    name: str
    cases: int = 0
    values: int = 0
    refused: int = 0
    outside: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    most_bytes: int = 0


def try_case(target: Target, data: bytes, folder: Path, tally: Tally) -> str:
    """Give one input to a parser.

    Returns:
        how it broke the invariant; empty when it did not.
    """
    measure = tally.cases % MEMORY_EVERY == 0
    tally.cases += 1
    if measure:
        tracemalloc.start()
    began_s = time.thread_time()
    broke = ""
    try:
        target.parse(data, folder)
        tally.values += 1
    except target.errors:
        tally.refused += 1
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the finding
        broke = f"{type(exc).__name__}: {exc}"[:200]
    took_s = time.thread_time() - began_s
    if measure:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        tally.most_bytes = max(tally.most_bytes, peak)
        if peak > target.memory_bytes:
            return f"allocated {peak} bytes, more than {target.memory_bytes}"
        return broke
    tally.slowest_ms = max(tally.slowest_ms, took_s * 1000)
    if not broke and took_s > target.stall_s and _again_slow(target, data, folder):
        return f"took {took_s * 1000:.0f} ms of processor time"
    return broke


def _again_slow(target: Target, data: bytes, folder: Path) -> bool:
    """First calls import and warm up; only what is slow each time is a stall."""
    for _ in range(3):
        began_s = time.thread_time()
        with contextlib.suppress(Exception):  # it was judged before
            target.parse(data, folder)
        if time.thread_time() - began_s <= target.stall_s:
            return False
    return True


def cases_of(target: Target, count: int, seed: int) -> Iterator[bytes]:
    """The inputs of a run: those known to be bad, good ones, then mutated ones."""
    seeds = target.seeds()
    yield from known_bad(target)
    yield from seeds
    source = random.Random(f"{target.name} {seed}")
    for _ in range(count):
        yield mutated(seeds, source)


def run_target(target: Target, count: int, seed: int, latest: Path | None = None) -> Tally:
    """Try a parser.

    Args:
        target: which.
        count: mutated inputs.
        seed: chooses them.
        latest: file that always holds the input being tried, for when this process dies.
    """
    tally = Tally(target.name)
    with tempfile.TemporaryDirectory() as folder:
        for data in cases_of(target, count, seed):
            if latest is not None:
                latest.write_bytes(data)
            broke = try_case(target, data, Path(folder), tally)
            if broke:
                tally.outside.append(f"{broke} ({keep(target, data)})")
    return tally


def keep(target: Target, data: bytes, corpus: Path = CORPUS) -> str:
    """Put an input that broke the invariant into the corpus; gives its name."""
    name = hashlib.sha256(data).hexdigest()[:16]
    folder = corpus / target.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.bin").write_bytes(data)
    return name


def _child(target: Target, count: int, seed: int, latest: Path, end: Connection) -> None:
    end.send(asdict(run_target(target, count, seed, latest)))
    end.close()


def run_apart(target: Target, count: int, seed: int) -> Tally:
    """Try a parser in a process of its own; one that it kills is a finding as well."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        latest = Path(folder) / "latest"
        ours, theirs = context.Pipe()
        # The process finds the target by its name: functions do not travel.
        child = context.Process(target=_by_name, args=(target.name, count, seed, latest, theirs))
        child.start()
        theirs.close()
        try:
            found = Tally(**ours.recv())
        except EOFError:
            child.join()
            name = keep(target, latest.read_bytes()) if latest.exists() else "none"
            found = Tally(target.name, outside=[f"died with {child.exitcode} ({name})"])
        child.join()
        return found


def _by_name(name: str, count: int, seed: int, latest: Path, end: Connection) -> None:
    _child(next(t for t in TARGETS if t.name == name), count, seed, latest, end)


def run_all(cases: int, seed: int, only: Sequence[str] = ()) -> list[Tally]:
    """Share cases out among the parsers and run them one after another."""
    chosen = [t for t in TARGETS if not only or t.name in only]
    whole = sum(target.weight for target in chosen)
    return [run_apart(t, -(-round(cases * t.weight / whole) // 1), seed) for t in chosen]


def show(tallies: Sequence[Tally]) -> None:
    """Print a line per parser."""
    table = Table("parser", "cases", "values", "refused", "outside", "slowest ms", "most KiB")
    for t in tallies:
        numbers = (t.cases, t.values, t.refused, len(t.outside))
        size = str(t.most_bytes >> 10)
        table.add_row(t.name, *map(str, numbers), f"{t.slowest_ms:.1f}", size)
    Console(width=110).print(table)
    for t in tallies:
        for problem in t.outside:
            print(f"OUTSIDE {t.name}: {problem}")
    total, outside = sum(t.cases for t in tallies), sum(len(t.outside) for t in tallies)
    print(f"{total} cases, {outside} outside the invariant")


def guided(name: str, seconds: int) -> None:
    """Let atheris look for inputs; it ends the process when it finds one."""
    try:
        import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    target = next(t for t in TARGETS if t.name == name)
    folder = Path(tempfile.mkdtemp(prefix="tacit-fuzz-"))
    tally = Tally(name)

    def one_input(data: bytes) -> None:
        broke = try_case(target, data, folder, tally)
        if broke:
            raise RuntimeError(f"{broke} ({keep(target, data)})")

    seeds = folder / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", str(seeds)], one_input)
    atheris.Fuzz()


def main(argv: Sequence[str] | None = None) -> None:
    """Run it; exits with 1 when anything lies outside the invariant."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="mutated inputs for all parsers")
    run.add_argument("--cases", type=int, default=20_000)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--only", nargs="*", default=[], choices=[t.name for t in TARGETS])
    run.add_argument("--json", type=Path, help="also write the figures here")
    look = commands.add_parser("guided", help="one parser, by atheris")
    look.add_argument("name", choices=[t.name for t in TARGETS])
    look.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args(argv)
    if given.command == "guided":
        guided(given.name, given.seconds)
        return
    tallies = run_all(given.cases, given.seed, given.only)
    show(tallies)
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(t) for t in tallies], indent=1) + "\n")
    if any(tally.outside for tally in tallies):
        sys.exit(1)


if __name__ == "__main__":
    main()
