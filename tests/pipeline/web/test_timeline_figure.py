"""The chart: guesses are hatched, gaps stay gaps, and the axis reads as a clock."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly
import pytest

from tacit.models.features import Modality, Source
from tacit.models.labels import EMOTIONS
from tacit.pipeline.events import AnyEvent, to_json_line
from tests.fakes.browser import Visit
from tests.fakes.finished import ready, result
from tests.fakes.long_session import long_session

pytestmark = [pytest.mark.process, pytest.mark.slow]

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
INKS = ["ink", "quiet", "grid", "edge", "card", "measured", "reserved", "recovered", "absent"]
DRAWN = """(async () => {
  const { History } = await import('/static/app/history.js');
  const h = new History();
  for (const e of JSON.parse(a.events)) h.receive(e);
  return (%s)(m.%s);
})()"""


def ask(visit: Visit, call: str, events: Sequence[AnyEvent], wrap: str = "found => found") -> Any:
    text = f"[{','.join(map(to_json_line, events))}]"
    ink = dict.fromkeys((*INKS, *EMOTIONS), "#123456")
    argument = {"events": text, "ink": ink, "style": {"narrow": False, "font": "serif"}}
    return visit.run("app/timeline-figure.js", DRAWN % (wrap, call), argument)


FIGURE = "figure(h.person('p1'), a.ink, a.style)"


def test_what_is_guessed_is_a_hatched_stack_of_its_own(empty_page: Visit) -> None:
    traces = ask(empty_page, FIGURE, long_session(30).events)["data"]
    measured, guessed = (
        [t for t in traces if t.get("stackgroup") == group] for group in ("measured", "guessed")
    )
    assert [t["name"] for t in measured] == [t["name"] for t in guessed] == list(EMOTIONS)
    assert all(t["fillpattern"]["shape"] == "/" for t in guessed)
    shown = [x for x, y in zip(guessed[0]["x"], guessed[0]["y"], strict=True) if y > 0]
    # From 0:18 on nothing at all is measured in this session, and so nothing is guessed either.
    assert (min(shown), max(shown)) == (15, 18)
    assert all(
        y == 0 for x, y in zip(measured[0]["x"], measured[0]["y"], strict=True) if 15 < x < 18
    )
    lanes = {t["name"]: t for t in traces if t["type"] == "bar"}
    assert lanes["recovered"]["marker"]["pattern"]["shape"] == "/"
    assert lanes["absent"]["marker"]["pattern"]["shape"] == "\\"
    assert lanes["recovered"]["base"] == [15]


def test_where_nothing_is_guessed_nothing_is_hatched(empty_page: Visit) -> None:
    traces = ask(empty_page, FIGURE, [ready("p1"), result(0), result(500)])["data"]
    assert not [t for t in traces if t.get("stackgroup") == "guessed"]


def test_valence_has_a_hole_where_nothing_was_measured(empty_page: Visit) -> None:
    gone: dict[Modality, Source] = {"audio": "absent", "face": "absent", "text": "absent"}
    events = [ready("p1"), result(0), result(500, sources=gone), result(1000)]
    valence = next(t for t in ask(empty_page, FIGURE, events)["data"] if t["name"] == "valence")
    assert None in valence["y"]
    known = [(x, y) for x, y in zip(valence["x"], valence["y"], strict=True) if y is not None]
    assert [x for x, _ in known] == [2.5, 3, 3.5, 4]


def test_the_axis_shows_the_last_two_minutes_as_a_clock(empty_page: Visit) -> None:
    calls = "[m.span(0), m.span(45000), m.span(600000), m.ticks([480, 600]), m.ticks([0, 30], 5)]"
    start, early, late, marks, few = empty_page.run("app/timeline-figure.js", calls)
    assert (start, early, late) == ([0, 30], [0, 45], [480, 600])
    assert marks["texts"] == [
        "8:00",
        "8:15",
        "8:30",
        "8:45",
        "9:00",
        "9:15",
        "9:30",
        "9:45",
        "10:00",
    ]
    assert few["values"] == [0, 10, 20, 30]


def test_it_can_be_read_aloud(empty_page: Visit) -> None:
    words = ask(empty_page, "inWords(h.person('p1'))", long_session(30).events)
    assert "Face: not measured from 0:12 to 0:15, guessed from 0:15 to 0:19." in words


def test_plotly_draws_it_with_patterns_and_without_complaint(empty_page: Visit) -> None:
    page = empty_page.page
    if page.evaluate("typeof Plotly") == "undefined":
        page.add_script_tag(path=str(PLOTLY))
    draw = """figure => {
      const box = document.body.appendChild(document.createElement('div'));
      const layout = { ...figure.layout, width: 900, height: 400 };
      return Plotly.newPlot(box, figure.data, layout, { staticPlot: true })
        .then(() => box.querySelectorAll('pattern').length);
    }"""
    patterns = ask(empty_page, FIGURE, long_session(60).events, draw)
    assert patterns >= 7 + 2
    assert empty_page.complaints == []
