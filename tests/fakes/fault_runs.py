"""Runs faults of the table in tests: exactly where time is virtual, patiently where it is real."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.pipeline.faults.outcome import Outcome
from tools.fault_rows.catalog import all_faults
from tools.fault_rows.registry import Setting
from tools.fault_rows.rig import Rig


def no_rig() -> Rig:
    raise AssertionError("this fault needs no engine")


def names(module: object, *levels: str) -> list[str]:
    """Faults of a row module at some levels."""
    return [
        fault.name
        for fault in all_faults().values()
        if fault.run.__module__ == getattr(module, "__name__", "") and fault.level in levels
    ]


def run_exactly(name: str, folder: Path) -> Outcome:
    """Run a fault that needs no engine; every limit must hold."""
    verdict = all_faults()[name].judge(Setting(folder, no_rig))
    assert verdict.status in ("pass", "skipped"), verdict.line()
    if verdict.outcome.skipped:
        pytest.skip(verdict.outcome.skipped)
    return verdict.outcome


def run_patiently(name: str, folder: Path, rig: Rig | None = None) -> Outcome:
    """Run a fault in real time: all must come about, however long a busy machine takes for it."""
    fault = all_faults()[name]
    verdict = fault.judge(Setting(folder, no_rig if rig is None else lambda: rig))
    outcome = verdict.outcome
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert fault.limits.detect_ms is None or outcome.detected_ms is not None, verdict.line()
    assert fault.limits.recover_ms is None or outcome.recovered_ms is not None, verdict.line()
    failed = [check for check in outcome.checks if not check.passed]
    assert not failed, verdict.line()
    return outcome


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A started engine without speech to text, for all tests of a file."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    made = Rig(tmp_path_factory.mktemp("rig"), words=False)
    yield made
    assert made.close() == []
