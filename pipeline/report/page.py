"""The report of a session: one page that asks the network for nothing.

Everything that comes from outside (what people said, names of files and participants, reasons,
metadata) is escaped by the template engine, and only the scripts that this module puts in may run,
by their hashes in the page's Content-Security-Policy.
"""

import base64
import hashlib
import json
import mimetypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ...models.features import MODALITIES
from ...models.labels import EMOTIONS
from ...models.manifest import SHIPPED
from ..events import ErrorEvent, ModelRef, SessionClosed, TranscriptFinal
from ..sessions import SessionData
from .cards import Card, cards_of
from .columns import columns
from .errors import ReportError
from .participants import Participant, end_ms, hop_ms, participants, ready_event
from .stretches import Dropout
from .wording import NOTES, SENSORS, clock, duration, percent, reason_in_words

MAX_EMBEDDED_BYTES: Final = 64 * 1024 * 1024
"""Most media that goes into a page; browsers are slow to open much more."""

PRIVATE: Final = frozenset({"media_path", "session_id", "source"})
"""Metadata that a page leaves out: folders of one's machine, and what it says elsewhere."""
_NO: Final = "false"
USUAL: Final = {"part": "1", "start_ns": "0", "media_enclosed": _NO, "media_streams": _NO}
"""Metadata that say nothing when they say this."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is made.

    Attributes:
        media: recording to play instead of the one that the session names.
        embed_media: put the recording into the page.
        weights: folder of checkpoints whose model cards are summed up.
        max_embedded_bytes: larger recordings are refused.
    """

    media: Path | None = None
    embed_media: bool = False
    weights: Path = SHIPPED
    max_embedded_bytes: int = MAX_EMBEDDED_BYTES


def write_report(session: SessionData, out: Path, options: ReportOptions | None = None) -> None:
    """Write the page of a session, readable by its owner only; an old one is replaced at once.

    Args:
        session: one that is finished.
        out: the page.
        options: see `ReportOptions`.

    Raises:
        ReportError: nothing was read in the session, the recording is not there or too large, the
            page cannot be written, or a package is missing.
    """
    text = render(session, out, options or ReportOptions())
    partial = out.with_name(out.name + ".part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, out)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise ReportError(f"{out}: cannot write the report: {exc.strerror}") from exc


def render(session: SessionData, out: Path, options: ReportOptions) -> str:
    """The page as text.

    Args:
        session: one that is finished.
        out: where the page will be, so that it can point to the recording beside it.
        options: see `ReportOptions`.

    Raises:
        ReportError: see `write_report`.
    """
    people = participants(session)
    if not any(person.results for person in people):
        raise ReportError(f"{session.path}: holds no results, so there is nothing to report")
    plotly, template = _libraries()
    script, style = _part("page.js"), _part("page.css")
    ready = ready_event(session)
    model = ready.model if ready else session.results[0].model
    cards = cards_of(model, options.weights)
    page: str = template.render(
        policy=_policy([plotly, script]),
        style=_inline(style),
        plotly=_inline(plotly),
        script=_inline(script),
        data=_inline(_data(session, people)),
        title=ready.source if ready else session.path.name,
        file=session.path.name,
        version=metadata.version("tacit"),
        facts=list(_facts(session, people)),
        warnings=list(_warnings(session)),
        media=_media(session, out, options),
        end_ms=end_ms(session),
        hop_ms=hop_ms(session),
        people=[_person(person) for person in people],
        emotions=EMOTIONS,
        transcripts=[_spoken(t) for t in sorted(session.transcripts, key=lambda t: t.start_ms)],
        no_words=_no_words(session),
        notes=NOTES,
        model_line=_model_line(model, cards),
        cards=cards,
        settings=list(_settings(session)),
    )
    return page


def _libraries() -> tuple[str, Any]:
    try:
        import jinja2
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as exc:
        raise ReportError(
            f"reports need {exc.name}: install it with pip install 'tacit[research]'"
        ) from exc
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return str(get_plotlyjs()), environment.from_string(_part("page.html"))


def _part(name: str) -> str:
    return (resources.files("tacit.pipeline.report") / name).read_text(encoding="utf-8")


def _inline(text: str) -> Any:
    """Mark our own text as safe to put in, after a look for what would end its element."""
    from markupsafe import Markup

    lowered = text.lower()
    if "</script" in lowered or "</style" in lowered or "<!--" in lowered:
        raise ReportError("a script of the page holds a tag that would end it")
    return Markup(text)


def _policy(scripts: list[str]) -> str:
    hashes = (hashlib.sha256(s.encode()).digest() for s in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(h).decode()}'" for h in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " media-src 'self' file: data:; base-uri 'none'; form-action 'none'"
    )


def _data(session: SessionData, people: list[Participant]) -> str:
    """What the script draws, as JSON that no browser can take for HTML."""
    hop = hop_ms(session)
    content = {
        "end_ms": end_ms(session),
        "hop_ms": hop,
        "emotions": EMOTIONS,
        "sensors": SENSORS,
        "people": [columns(person, hop) for person in people],
    }
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _media(session: SessionData, out: Path, options: ReportOptions) -> Mapping[str, str] | None:
    path = options.media or session.media
    if path is None:
        if options.embed_media:
            raise ReportError(f"{session.path}: names no recording to embed; give it with --media")
        return None
    if not path.is_file():
        raise ReportError(f"{path}: no such recording")
    kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
    shown, url = _linked(path, out)
    if options.embed_media:
        size, most = path.stat().st_size, options.max_embedded_bytes
        if size > most:
            raise ReportError(
                f"{path}: {size / 1e6:.0f} MB are too much to embed (limit {most / 1e6:.0f} MB); "
                "leave out --embed-media and keep it beside the report"
            )
        url = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return {"kind": kind.split("/")[0], "url": url, "shown": shown}


def _linked(path: Path, out: Path) -> tuple[str, str]:
    try:
        relative = Path(os.path.relpath(path.resolve(), out.resolve().parent)).as_posix()
    except ValueError:  # on another drive
        return str(path), path.resolve().as_uri()
    return relative, quote(relative if relative.startswith("../") else f"./{relative}")


def _facts(session: SessionData, people: list[Participant]) -> Iterator[tuple[str, str]]:
    ready = ready_event(session)
    yield "Length", duration(end_ms(session))
    if ready and ready.anchor_utc:
        yield "Began", ready.anchor_utc
    yield "Participants", ", ".join(p.name for p in people)
    yield "Windows", f"{sum(len(p.results) for p in people)}"
    if ready:
        yield "Each", f"{ready.window_ms / 1000:g} s, every {ready.hop_ms / 1000:g} s"
    yield "Model", (ready.model if ready else session.results[0].model).id


def _warnings(session: SessionData) -> Iterator[str]:
    closed = next((e for e in session.events if isinstance(e, SessionClosed)), None)
    if closed is None:
        yield "The session was cut off: its end is missing, and what follows is what was kept."
    elif closed.reason != "end":
        yield f"The session did not run to its end: {closed.reason}."
    for error in session.events:
        if isinstance(error, ErrorEvent) and error.fatal:
            yield f"At {clock(error.t_ms)}: {error.message}"


def _person(person: Participant) -> Mapping[str, Any]:
    return {
        "name": person.name,
        "windows": len(person.results),
        "described": _described(person),
        "plane": f"Means: valence {_signed(person.valence)}, arousal {_signed(person.arousal)}.",
        "rows": list(_rows(person)),
        "dropouts": [_dropout(d) for d in person.dropouts],
    }


def _described(person: Participant) -> str:
    means = person.means or {}
    told = ", ".join(f"{name} {value:.2f}" for name, value in means.items()) or "none measured"
    shares = ", ".join(f"{SENSORS[m].lower()} {percent(s)}" for m, s in person.measured.items())
    return (
        f"Seven expressed emotions of {person.name}, valence, arousal and the state of each sensor "
        f"over time. Mean probabilities: {told}. Measured: {shares}. The table says the same."
    )


def _rows(person: Participant) -> Iterator[tuple[str, str, float | None, str]]:
    for modality in MODALITIES:
        share = person.measured[modality]
        yield f"{SENSORS[modality]} measured", percent(share), share, "measured"
        if guessed := person.recovered[modality]:
            yield f"{SENSORS[modality]} guessed", percent(guessed), guessed, "recovered"
    yield "Emotion claimed", percent(person.claimed), person.claimed, "claimed"
    for name in EMOTIONS:
        mean = (person.means or {}).get(name)
        told = "not measured" if mean is None else f"{mean:.2f}"
        yield f"Mean {name}", told, mean, name
    yield "Mean valence", _signed(person.valence), None, ""
    yield "Mean arousal", _signed(person.arousal), None, ""
    yield "Windows revised by late data", f"{person.revisions}", None, ""
    for modality in MODALITIES:
        out = [d for d in person.dropouts if d.modality == modality]
        total = duration(sum(d.length_ms for d in out))
        told = f"{len(out)}, {total} in all" if out else "none"
        yield f"Dropouts of {SENSORS[modality].lower()}", told, None, ""


def _dropout(out: Dropout) -> Mapping[str, Any]:
    return {
        "sensor": SENSORS[out.modality],
        "start_ms": out.start_ms,
        "start": clock(out.start_ms),
        "end": "end" if out.lasting else clock(out.end_ms),
        "length": duration(out.length_ms),
        "lasting": out.lasting,
        "why": "; ".join(reason_in_words(r) for r in out.reasons) or "no reason was given",
    }


def _spoken(line: TranscriptFinal) -> Mapping[str, Any]:
    words = [(w.text.strip(), w.start_ms, w.end_ms) for w in line.words]
    return {
        "participant": line.participant,
        "start_ms": line.start_ms,
        "end_ms": line.end_ms,
        "clock": clock(line.start_ms),
        "words": words or [(line.text, line.start_ms, line.end_ms)],
    }


def _no_words(session: SessionData) -> str:
    ready = ready_event(session)
    start = ready.modalities.get("text") if ready else None
    why = f": {reason_in_words(start.reason)}" if start and start.reason else ""
    return f"No words were kept{why}."


def _model_line(model: ModelRef, cards: list[Card]) -> str:
    named = f"{model.id}, SHA-256 over all weights {model.sha256}."
    if cards:
        return named
    return f"{named} Its model cards are not on the machine that made this page."


def _settings(session: SessionData) -> Iterator[tuple[str, str]]:
    ready = ready_event(session)
    yield "session", session.results[0].session_id
    if ready:
        yield "source", ready.source
        yield "window", f"{ready.window_ms} ms every {ready.hop_ms} ms"
        for modality, start in sorted(ready.modalities.items()):
            why = f": {reason_in_words(start.reason)}" if start.reason else ""
            yield f"{SENSORS[modality].lower()} at the start", f"{start.state.value}{why}"
    for name, value in sorted(session.metadata.items()):
        if name not in PRIVATE and value not in ("", USUAL.get(name)):
            yield name, value


def _signed(value: float | None) -> str:
    return "not measured" if value is None else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
