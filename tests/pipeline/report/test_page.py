"""The page as text: what is in it, and that nothing from outside can become part of its code."""

import base64
import hashlib
import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.events import Word
from tacit.pipeline.report.errors import ReportError
from tacit.pipeline.report.page import ReportOptions, render, write_report
from tacit.pipeline.sessions import SessionData
from tests.fakes.finished import finished, ready, result, said, typical
from tests.fakes.long_session import long_session

pytest.importorskip("plotly", reason="needs the extra research")

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!--"


class Elements(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and not self.scripts[-1][1]:
            self.scripts[-1] = (self.scripts[-1][0], data)
        else:
            self.texts.append(data)


def page(session: SessionData, out: Path = Path("report.html"), **options: Any) -> Elements:
    return Elements(render(session, out, ReportOptions(**options)))


def evil_session() -> SessionData:
    word = Word(text=EVIL, start_ms=0, end_ms=500, probability=None)
    spoken = said(0, 500, EVIL).model_copy(update={"words": (word,), "participant": EVIL})
    lost = result(0, participant=EVIL)
    parts = dict(lost.modalities)
    parts["face"] = parts["face"].model_copy(update={"reason": EVIL, "source": "absent"})
    lost = lost.model_copy(update={"modalities": parts})
    session = finished([ready(EVIL, source=EVIL), lost, spoken])
    return SessionData(Path("x<b>.jsonl"), session.events, {EVIL: EVIL}, None)


def test_what_comes_from_outside_stays_text() -> None:
    found = page(evil_session())
    assert found.tags.count("script") == 3
    assert "img" not in found.tags
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert sum(EVIL in text for text in found.texts) >= 4  # title, heading, word, metadata
    data = json.loads(next(text for kind, text in found.scripts if kind.get("type")))
    assert data["people"][0]["name"] == EVIL


def test_only_our_own_scripts_may_run_and_nothing_is_fetched() -> None:
    found = page(typical())
    (policy,) = [v for _, name, v in found.attributes if name == "content" and "script-src" in v]
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    ours = [text for kind, text in found.scripts if not kind.get("type")]
    assert {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in ours} == allowed
    assert not [kind for kind, _ in found.scripts if "src" in kind]
    links = [v for _, name, v in found.attributes if name in ("src", "href")]
    assert not [link for link in links if link.startswith(("http", "//"))]


def test_the_page_says_what_was_measured_and_that_it_is_expressed() -> None:
    text = " ".join(page(typical()).texts)
    for words in ("expressed", "Voice measured", "83 %", "the picture was frozen", "not felt"):
        assert words in text
    assert "abab" in text  # the hash of the model


def test_a_page_that_is_passed_on_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    session = typical()
    facts = {"media_path": str(tmp_path / "talk.mp4"), "purpose": "research"}
    text = " ".join(page(SessionData(session.path, session.events, facts, None)).texts)
    assert "research" in text
    assert str(tmp_path) not in text


def test_words_can_be_pressed() -> None:
    found = page(long_session(20))
    assert ("span", "data-at", "2000") in found.attributes
    assert "No words" not in " ".join(found.texts)


def test_a_session_without_an_end_is_said_to_be_cut_off() -> None:
    assert "cut off" in " ".join(page(finished([ready(), result(0)])).texts)


def test_the_recording_is_linked_beside_the_page_or_embedded(tmp_path: Path) -> None:
    media = tmp_path / "a talk #1.mp4"
    media.write_bytes(b"film")
    out = tmp_path / "reports" / "r.html"
    linked = page(typical(media), out)
    assert ("video", "src", "../a%20talk%20%231.mp4") in linked.attributes
    embedded = page(typical(), out, media=media, embed_media=True)
    inside = "data:video/mp4;base64," + base64.b64encode(b"film").decode()
    assert ("video", "src", inside) in embedded.attributes


def test_what_cannot_be_reported_is_said(tmp_path: Path) -> None:
    media = tmp_path / "a.mp4"
    media.write_bytes(b"film")
    with pytest.raises(ReportError, match="too much to embed"):
        page(typical(media), embed_media=True, max_embedded_bytes=3)
    with pytest.raises(ReportError, match="no such recording"):
        page(typical(), media=tmp_path / "b.mp4")
    with pytest.raises(ReportError, match="--media"):
        page(typical(), embed_media=True)
    with pytest.raises(ReportError, match="no results"):
        page(finished([ready()]))
    with pytest.raises(ReportError, match="cannot write"):
        write_report(typical(), tmp_path / "nowhere" / "r.html")


def test_the_file_is_for_its_owner_only_and_replaced_at_once(tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    out.write_text("old")
    write_report(typical(), out)
    assert out.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [out]
