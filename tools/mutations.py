"""Takes each health rule away in turn and looks whether a test notices.

    python -m tools.mutations
    python -m tools.mutations --only frozen --json results/health/mutations.json

It works on a copy of the tree. A rule whose absence no test notices is no rule.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("stream", "models", "pipeline", "tools", "tests")
RULES: Final = "pipeline/health_rules.py"
QUALITY: Final = "pipeline/quality.py"
HEALTH: Final = "pipeline/health.py"
RATE: Final = "pipeline/rate.py"
HUB: Final = "pipeline/hub.py"
WORDS: Final = "pipeline/words_check.py"
HEALTH_TESTS: Final = ("tests/pipeline/test_health.py", "tests/pipeline/test_health_rules.py")
QUALITY_TESTS: Final = ("tests/pipeline/test_quality.py", "tests/pipeline/test_quality_noise.py")
HUB_TESTS: Final = ("tests/pipeline/test_hub.py", "tests/pipeline/test_hub_rules.py")
WORDS_TESTS: Final = ("tests/pipeline/test_words_check.py",)
TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule taken away.

    Attributes:
        name: of the rule.
        file: where it is.
        old: text that is there exactly once.
        new: what stands there without the rule.
        tests: those that must notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _finding(flag: str) -> Mutation:
    """Take a flag out of the findings: it is seen and means nothing."""
    return Mutation(
        f"finding {flag.lower()}",
        RULES,
        f"    QualityFlag.{flag}: Finding(",
        f"    QualityFlag.{flag}: Finding(Signal.GOOD) if True else Finding(",
        HEALTH_TESTS,
    )


def _check(name: str, old: str, new: str, file: str = QUALITY) -> Mutation:
    tests = {QUALITY: QUALITY_TESTS, HUB: HUB_TESTS, WORDS: WORDS_TESTS}.get(file, HEALTH_TESTS)
    return Mutation(name, file, old, new, tests)


MUTATIONS: Final = (
    *(
        _finding(flag)
        for flag in (
            "NONFINITE", "SILENT", "STUCK", "BLACK", "FROZEN", "NO_FACE", "CLIPPED", "OVERFLOW",
            "BABBLE", "LATE", "TWO_FACES", "DARK", "BLURRED", "NOISY",
        )
    ),
    _check("sound not numbers", "if not finite:", "if False:"),
    _check("sound silent", ">= limits.silent_ns:\n            flags.add(QualityFlag.SILENT)",
           "< 0:\n            flags.add(QualityFlag.SILENT)"),
    _check("sound stuck", ">= limits.silent_ns:\n            flags.add(QualityFlag.STUCK)",
           "< 0:\n            flags.add(QualityFlag.STUCK)"),
    _check("sound quiet", "flags.add(QualityFlag.QUIET)", "flags.add(QualityFlag.SILENT)"),
    _check("sound clipped", "if sum(state.clipped) >= limits.clip_blocks[0]:", "if False:"),
    _check("sound noisy", "if heard and narrow and floor_db", "if False and floor_db"),
    _check("picture frozen, identical", "if same_ns >= self._limits.identical_ns or still_ns",
           "if still_ns"),
    _check("picture frozen, nearly identical",
           "if same_ns >= self._limits.identical_ns or still_ns >= self._limits.still_ns:",
           "if same_ns >= self._limits.identical_ns:"),
    _check("picture black", "if black >= limits.black_share:", "if False:"),
    _check("picture dark", "elif brightness < limits.dark_mean:", "elif False:"),
    _check("picture blurred", "elif sharpness < limits.blur_ratio:", "elif False:"),
    _check("picture noisy", "if noise > limits.noise_sigma:", "if False:"),
    _check("no data: degraded", "if track.t_ns is not None and Signal.STALE in row",
           "if False and Signal.STALE in row", HEALTH),
    _check("nothing measurable: lost", "if Signal.EXPIRED in row:", "if False:", HEALTH),
    _check("low rate, compared", "self.share < self._least_share or crawls", "crawls", RATE),
    _check("low rate, in itself", "self.share < self._least_share or crawls",
           "self.share < self._least_share", RATE),
    _check("hysteresis: proving", "holds_ns: tuple[int, ...] = (0, 1500 * NS_PER_MS, 1500 * "
           "NS_PER_MS, 6 * NS_PER_S)", "holds_ns: tuple[int, ...] = (0,)", RULES),
    _check("hysteresis: calm", "calm_ns: int = NS_PER_S", "calm_ns: int = 0", RULES),
    _check("recovery needs five good pieces", "steady_count: int = 5", "steady_count: int = 1",
           RULES),
    _check("features not numbers", "fits and bool(np.isfinite(packet.data).all())", "fits",
           HUB),
    _check("words made up are left out", "        if made_up:\n            return []\n", "", HUB),
    _check("words made up are not used", "0.0 if made_up else float(quality)", "float(quality)",
           HUB),
    _check("words late: told by the windows", "self._words.missed()", "pass", HUB),
    _check("words late: lag", "if lag_ns > LATE_NS:", "if False:", WORDS),
    _check("words babble: silence", "if not quality.flags & UNHEARD:", "if True:", WORDS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutation.

    Attributes:
        name: of the rule.
        noticed_by: the first test that failed; empty when none did.
    """

    name: str
    noticed_by: str


def mutated(text: str, mutation: Mutation) -> str:
    """The file without the rule.

    Raises:
        ValueError: the rule is not there, or more than once.
    """
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file}: {mutation.old!r} is there {text.count(mutation.old)} x")
    return text.replace(mutation.old, mutation.new)


def copy_tree(to: Path) -> None:
    """What the tests need, without what was built."""
    skip = shutil.ignore_patterns("__pycache__", ".*", "weights")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, to / name, ignore=skip)
    (to / "models" / "weights").symlink_to(ROOT / "models" / "weights")
    shutil.copy(ROOT / "pyproject.toml", to)


def try_mutation(mutation: Mutation, tree: Path) -> Outcome:
    """Take a rule away, run its tests, and put it back."""
    file = tree / mutation.file
    text = file.read_text(encoding="utf-8")
    file.write_text(mutated(text, mutation), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    packages = tree / "packages" / "tacit"
    if not packages.exists():
        packages.mkdir(parents=True)
        for name in ("stream", "models", "pipeline"):
            (packages / name).symlink_to(tree / name)
    try:
        done = subprocess.run(
            [*command, *mutation.tests],
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env=os.environ | {"PYTHONPATH": str(tree / "packages"), "OMP_NUM_THREADS": "1"},
        )
    finally:
        file.write_text(text, encoding="utf-8")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return Outcome(mutation.name, lines[0].split(" - ")[0] if lines else "")


def run(only: str = "") -> list[Outcome]:
    """All mutations, one after another; the untouched copy must pass first.

    Raises:
        SystemExit: the tests fail without any mutation, so that nothing could be told.
    """
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        chosen = [m for m in MUTATIONS if only in m.name]
        tests = tuple(dict.fromkeys(test for m in chosen for test in m.tests))
        control = Mutation("nothing", RULES, "class Finding:", "class Finding:", tests)
        if try_mutation(control, tree).noticed_by:
            raise SystemExit("the tests fail as they are: mend that first")
        for mutation in chosen:
            outcome = try_mutation(mutation, tree)
            print(f"{'noticed' if outcome.noticed_by else 'NOT NOTICED':12} {outcome.name}: "
                  f"{outcome.noticed_by}", flush=True)  # fmt: skip
            outcomes.append(outcome)
    return outcomes


def main(argv: Sequence[str] | None = None) -> None:
    """Run it; exits with 1 when a rule can go unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rules with this in their name")
    parser.add_argument("--json", type=Path, help="write what was found here")
    given = parser.parse_args(argv)
    outcomes = run(given.only)
    if given.json is not None:
        text = json.dumps([asdict(outcome) for outcome in outcomes], indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    unnoticed = [outcome.name for outcome in outcomes if not outcome.noticed_by]
    print(f"{len(outcomes)} rules, {len(unnoticed)} not noticed")
    if unnoticed:
        sys.exit(1)


if __name__ == "__main__":
    main()
