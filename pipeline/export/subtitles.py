"""Sessions as text tracks: WebVTT for programs and for people, SRT for people."""

import html
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from ..events import without_latency
from ..sessions import SessionData
from .cues import cues, readable
from .table import Result

_MARKUP = str.maketrans({c: f"\\u{ord(c):04x}" for c in "&<>"})


def write_metadata_track(session: SessionData, place: Path) -> int:
    """Write a WebVTT track of kind "metadata": per window one cue that holds its result as JSON.

    The cues span their windows, so they overlap. The JSON is that of the event without its latency,
    and holds no character that means something in WebVTT.

    Returns:
        how many cues.
    """
    results = sorted(
        session.results, key=lambda r: (r.window.start_ms, r.window.end_ms, r.participant)
    )
    return _write_vtt(
        ((r.window.start_ms, r.window.end_ms, as_json(r)) for r in results),
        place,
    )


def write_captions(session: SessionData, place: Path) -> int:
    """Write a WebVTT track to be read: the leading emotions, their sources, and the words.

    Returns:
        how many cues, one per window; those of one participant don't overlap.
    """
    readables = ((c.start_ms, c.end_ms, html.escape(readable(c), False)) for c in cues(session))
    return _write_vtt(readables, place)


def write_srt(session: SessionData, place: Path) -> int:
    """Write the same as SRT.

    Returns:
        how many subtitles, one per window.
    """
    import srt

    subtitles = [
        srt.Subtitle(
            number,
            timedelta(milliseconds=cue.start_ms),
            timedelta(milliseconds=cue.end_ms),
            readable(cue),
        )
        for number, cue in enumerate(cues(session), 1)
    ]
    place.write_text(srt.compose(subtitles, reindex=False), "utf-8")
    return len(subtitles)


def as_json(result: Result) -> str:
    """A result as one line of JSON that any text track can hold."""
    fields = without_latency(result.model_dump(mode="json"))
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).translate(_MARKUP)


def _write_vtt(timed: Iterable[tuple[int, int, str]], place: Path) -> int:
    import webvtt

    track = webvtt.WebVTT()
    for number, (start_ms, end_ms, text) in enumerate(timed, 1):
        track.captions.append(webvtt.Caption(_clock(start_ms), _clock(end_ms), text, str(number)))
    place.write_text(track.content, "utf-8")
    return len(track.captions)


def _clock(t_ms: int) -> str:
    seconds, ms = divmod(t_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
