"""A bot that listens to somebody and prints what they express.

    python examples/print_results.py [CLIP]

It reads a clip as if it were a participant of a call. In a call of your own, give `attach` the
tracks that your WebRTC library hands you.
"""

import asyncio
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from aiortc.contrib.media import MediaPlayer

from tacit.pipeline import Recognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.events import MeasurementResult, SensorHealth, TranscriptFinal

SAMPLE = Path(str(resources.files("tacit.pipeline") / "assets" / "sample.mp4"))


def in_words(event: object) -> str | None:
    """One line about an event, or None for those that the bot keeps to itself."""
    match event:
        case MeasurementResult(fused=fused, modalities=modalities):
            used = [name for name, reading in modalities.items() if reading.source == "measured"]
            guessed = [name for name, m in modalities.items() if m.source == "recovered"]
            at = f"{event.window.end_ms / 1000:5.1f} s  {event.participant}"
            if fused.emotions is None:
                return f"{at}  nothing was measured"
            best = max(fused.emotions, key=lambda score: score.probability)
            claim = "no claim" if fused.abstained else f"{best.name} {best.probability:.0%}"
            basis = f"from {', '.join(used)}"
            if guessed:
                basis += f"; guessed: {', '.join(guessed)}"
            return f"{at}  expressed: {claim}  ({basis})"
        case SensorHealth(state="lost" | "muted" | "ok"):
            return (
                f"{event.t_ms / 1000:5.1f} s  {event.participant}  {event.modality}: {event.state}"
            )
        case TranscriptFinal():
            return f"{event.start_ms / 1000:5.1f} s  {event.participant}  said: {event.text}"
    return None


async def main(
    clip: Path, settings: Settings | None = None, tell: Callable[[str], object] = print
) -> None:
    """Play the clip to the recognizer at its own speed."""
    player = MediaPlayer(str(clip))
    tracks = [track for track in (player.audio, player.video) if track is not None]
    async with Recognizer.open(settings, purpose="test", consent="a clip") as recognizer:
        events = recognizer.events()
        for track in tracks:
            recognizer.attach(track, participant="clip")
        async for event in events:
            line = in_words(event)
            if line is not None:
                tell(line)
            if all(track.readyState == "ended" for track in tracks):
                break


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE))
