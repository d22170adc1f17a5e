"""What a batch came to: `summary.json`, `summary.md` and `failures.jsonl`."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from .reading import Outcome
from .recipe import Recipe

FAILURES: Final = "failures.jsonl"
SUMMARY_JSON: Final = "summary.json"
SUMMARY_MD: Final = "summary.md"
MAX_LISTED: Final = 100

EngineName = Literal["local", "ray"]


class Summary(BaseModel):
    """What a batch came to.

    Attributes:
        complete: whether every input has an outcome; False after an interrupt.
        inputs: how many there are.
        done: read in this run.
        kept: read by an earlier run, with the same input, settings and weights.
        failed: could not be read.
        other_parts: part files of inputs that this batch doesn't have.
        media_s: length of all recordings that were read, s.
        windows: windows in all part files of this batch.
        took_s: wall time of this run, s.
        times_real_time: length of what this run has read over its wall time.
        engine: what ran it.
        jobs: most inputs read at a time.
        recipe: see `Recipe.facts`.
        outcomes: of every input, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    complete: bool
    inputs: int
    done: int
    kept: int
    failed: int
    other_parts: int
    media_s: float
    windows: int
    took_s: float
    times_real_time: float
    engine: EngineName
    jobs: int
    recipe: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

    @property
    def succeeded(self) -> int:
        """Inputs that have a part file."""
        return self.done + self.kept


class FailureList:
    """Writes each failure as it happens, a whole line at a time.

    Args:
        out: folder of the data set.

    Raises:
        OSError: it cannot be written there.
    """

    def __init__(self, out: Path) -> None:
        self._descriptor = os.open(
            out / FAILURES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666
        )

    def add(self, outcome: Outcome) -> None:
        """Append one."""
        os.write(self._descriptor, _failure_line(outcome).encode())

    def close(self) -> None:
        """No more will follow."""
        os.close(self._descriptor)


def summarize(
    outcomes: Iterable[Outcome], inputs: int, recipe: Recipe, run: Mapping[str, Any]
) -> Summary:
    """Count.

    Args:
        outcomes: of the inputs so far.
        inputs: how many there are.
        recipe: how they were read.
        run: took_s, engine, jobs and other_parts.
    """
    ordered = sorted(outcomes, key=lambda o: (o.input, o.participant))
    statuses = Counter(o.status for o in ordered)
    counts: dict[str, Any] = {s: statuses[s] for s in ("done", "kept", "failed")}
    now_s = sum(o.duration_ms for o in ordered if o.status == "done") / 1000
    return Summary(
        complete=len(ordered) == inputs,
        inputs=inputs,
        media_s=round(sum(o.duration_ms for o in ordered) / 1000, 3),
        windows=sum(o.windows for o in ordered),
        times_real_time=round(now_s / max(run["took_s"], 1e-3), 2),
        recipe=recipe.facts(),
        outcomes=tuple(ordered),
        **counts,
        **run,
    )


def write_summary(out: Path, summary: Summary) -> None:
    """Write all three files, each whole or not at all; failures now by name.

    Raises:
        OSError: the disk is full or gone.
    """
    failures = [o for o in summary.outcomes if o.status == "failed"]
    _replace(out / FAILURES, "".join(_failure_line(o) for o in failures))
    _replace(out / SUMMARY_JSON, summary.model_dump_json(indent=2) + "\n")
    _replace(out / SUMMARY_MD, _markdown(summary, failures))


def _failure_line(outcome: Outcome) -> str:
    fields = outcome.model_dump(include={"input", "participant", "id", "error", "attempts"})
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _replace(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}.tmp")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def _markdown(summary: Summary, failures: list[Outcome]) -> str:
    facts = {
        "inputs": f"{summary.inputs}{'' if summary.complete else ', interrupted'}",
        "read now": summary.done,
        "kept from an earlier run": summary.kept,
        "failed": summary.failed,
        "recordings": f"{summary.media_s:.1f} s",
        "windows": summary.windows,
        "this run": f"{summary.took_s:.1f} s, {summary.times_real_time:.1f}x real time",
        "engine": f"{summary.engine}, {summary.jobs} at a time",
        "model SHA-256": f"`{summary.recipe['model_sha256']}`",
    }
    if summary.other_parts:
        facts["part files of other inputs"] = summary.other_parts
    troubled = [o for o in summary.outcomes if o.problems and o.status != "failed"]
    return "\n".join(
        [
            "# Batch\n",
            "Tacit reads *expressed* emotion; it says nothing about what a person feels.\n",
            *_table(("", ""), [(k, str(v)) for k, v in facts.items()]),
            *_listed("Failed", [(o.input, o.error) for o in failures]),
            *_listed("Read with problems", [(o.input, o.problems[0]) for o in troubled]),
            "\n## Settings\n",
            "```json",
            json.dumps(summary.recipe, indent=2, sort_keys=True),
            "```\n",
        ]
    )


def _listed(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    shown = _table(("input", "error"), rows[:MAX_LISTED])
    more = [f"\n… and {len(rows) - MAX_LISTED} more in `{SUMMARY_JSON}`."] * (
        len(rows) > MAX_LISTED
    )
    return [f"\n## {title}\n", *shown, *more]


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> list[str]:
    cells = [tuple(" ".join(c.replace("|", "\\|").split()) for c in row) for row in (head, *rows)]
    lines = [f"| {a} | {b} |" for a, b in cells]
    return [lines[0], "|---|---|", *lines[1:]]
