"""What a person sees in the terminal: emotion bars, sensor lights, progress."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .events import Event

_BAR: Final = 24
_STATE_STYLE: Final[Mapping[str, str]] = {
    "ok": "green",
    "starting": "cyan",
    "recovering": "cyan",
    "degraded": "yellow",
    "muted": "yellow",
    "lost": "red",
    "disabled": "dim",
}
_SOURCE_MARK: Final[Mapping[str, str]] = {
    "measured": "measured",
    "recovered": "recovered ≈",
    "absent": "absent",
}


def result_line(event: Mapping[str, Any]) -> str:
    """One measurement as one line of plain text.

    Args:
        event: a `measurement.result` or `measurement.revised` in its JSON form.
    """
    window, fused = event["window"], event["fused"]
    sources = " ".join(f"{m}:{part['source']}" for m, part in event["modalities"].items())
    times = f"{window['start_ms'] / 1000:5.1f}–{window['end_ms'] / 1000:4.1f} s"
    if fused["emotions"] is None:
        return f"{times}  (nothing measured)  {sources}"
    ranked = sorted(fused["emotions"], key=lambda e: -e["probability"])[:3]
    named = "  ".join(f"{e['name']} {e['probability']:.2f}" for e in ranked)
    doubt = " (unsure)" if fused["abstained"] else ""
    point = f"valence {fused['valence']:+.2f} arousal {fused['arousal']:+.2f}"
    return f"{times}  {named}{doubt}  {point}  {sources}"


def health_line(event: Mapping[str, Any]) -> str:
    """One change of a sensor's health as one line of plain text."""
    reason = f" ({event['reason']})" if event["reason"] else ""
    return f"{event['t_ms'] / 1000:5.1f} s  {event['modality']} is {event['state']}{reason}"


class PlainView:
    """Prints a line per event; for pipes, logs and terminals without cursor control."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, event: Event) -> None:
        """Print what a person wants to know of the event."""
        line = describe(event.model_dump(mode="json"))
        if line:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing to restore."""


def describe(event: Mapping[str, Any]) -> str:
    """An event in one line, or an empty string when it is of no interest to a person."""
    kind = str(event["type"])
    if kind in ("measurement.result", "measurement.revised"):
        return result_line(event) + ("  revised" if kind.endswith("revised") else "")
    if kind == "sensor.health":
        return health_line(event)
    if kind == "transcript.final":
        return f"{event['start_ms'] / 1000:5.1f} s  “{event['text']}”"
    if kind == "error":
        return f"error {event['code']}: {event['message']}"
    return ""


class LiveView:
    """A table that is redrawn in place, with a progress bar below.

    Args:
        console: an interactive terminal.
        duration_ms: length of the recording.
    """

    def __init__(self, console: Console, duration_ms: int) -> None:
        self._progress = Progress(
            TextColumn("replay"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("replay", total=max(duration_ms, 1))
        self._health: dict[str, Mapping[str, Any]] = {}
        self._result: Mapping[str, Any] | None = None
        self._notes: list[str] = []
        self._live = Live(self.picture(), console=console, refresh_per_second=12, transient=False)
        self._live.start()

    def write(self, event: Event) -> None:
        """Take the event into the picture."""
        fields = event.model_dump(mode="json")
        kind = str(fields["type"])
        if kind == "sensor.health":
            self._health[str(fields["modality"])] = fields
        elif kind == "measurement.result":
            self._result = fields
            self._progress.update(self._task, completed=fields["window"]["end_ms"])
        if kind not in ("measurement.result", "measurement.revised"):
            line = describe(fields)
            self._notes = [*self._notes, line][-5:] if line else self._notes
        self._live.update(self.picture())

    def close(self) -> None:
        """Leave the last picture on the screen."""
        self._progress.update(self._task, completed=self._progress.tasks[0].total)
        self._live.update(self.picture(), refresh=True)
        self._live.stop()

    def picture(self) -> RenderableType:
        """What is on the screen now."""
        panels: list[RenderableType] = [self._emotions(), self._sensors()]
        if self._notes:
            panels.append(Text("\n".join(self._notes), style="dim"))
        return Panel(
            Group(*panels, self._progress),
            title="Tacit · expressed emotion",
            subtitle="a reading of what is expressed, not of what is felt",
        )

    def _emotions(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        if self._result is None:
            table.add_row(Text("waiting for the first window …", style="dim"))
            return table
        fused, window = self._result["fused"], self._result["window"]
        style = "dim" if fused["abstained"] else "cyan"
        for emotion in fused["emotions"] or ():
            share = emotion["probability"] or 0.0
            filled = round(share * _BAR)
            bar = Text("█" * filled, style=style) + Text("░" * (_BAR - filled), style="dim")
            table.add_row(emotion["name"], bar, f"{share:4.2f}")
        point = "no reading: nothing is measured"
        if fused["emotions"] is not None:
            point = f"valence {fused['valence']:+.2f}   arousal {fused['arousal']:+.2f}"
            point += "   (unsure)" if fused["abstained"] else ""
        table.add_row("", Text(point), f"{window['end_ms'] / 1000:.1f} s")
        return table

    def _sensors(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        parts = self._result["modalities"] if self._result else {}
        for modality in ("audio", "face", "text"):
            health = self._health.get(modality, {})
            part = parts.get(modality, {})
            state = str(health.get("state", part.get("state", "starting")))
            reason = health.get("reason") or ""
            source = _SOURCE_MARK.get(str(part.get("source")), "")
            light = Text("●", style=_STATE_STYLE.get(state, "white"))
            table.add_row(light, modality, state, source, Text(str(reason), style="dim"))
        return table
