import io
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tacit.models.labels import EMOTIONS
from tacit.pipeline.report.errors import ReportError
from tacit.pipeline.report.figures import save_figure, timeline_figure, valence_arousal_figure
from tacit.pipeline.report.participants import Participant, participants
from tests.fakes.finished import finished, ready, typical
from tests.fakes.long_session import long_session

pytest.importorskip("matplotlib", reason="needs the extra research")


def person(seconds: int = 30) -> Participant:
    return participants(long_session(seconds))[0]


def test_the_timeline_shows_every_emotion_and_sensor() -> None:
    figure = timeline_figure(person(), 500)
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels[:9] == [*EMOTIONS, "valence", "arousal"]
    sensors = [t.get_text() for t in figure.axes[-1].get_yticklabels()]
    assert sensors == ["Voice", "Face", "Words"]
    assert np.asarray(figure.axes[0].lines[0].get_xdata())[-1] == 30.0


def test_what_was_not_measured_is_a_hole_in_the_line() -> None:
    line = timeline_figure(participants(typical())[0], 500).axes[0].lines[0]
    holes = np.isnan(np.asarray(line.get_ydata(), np.float64))
    assert list(holes) == [False] * 6 + [True] * 2 + [False] * 4


def test_the_plane_holds_the_windows_with_a_reading() -> None:
    figure = valence_arousal_figure(participants(typical())[0], 500)
    assert np.asarray(figure.axes[0].collections[0].get_offsets()).shape == (5, 2)


def test_an_svg_is_well_formed_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save_figure(valence_arousal_figure(person(), 500), tmp_path / name)
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert ET.parse(io.BytesIO(first)).getroot().tag.endswith("svg")


def test_a_png_is_wide_enough_for_print(tmp_path: Path) -> None:
    save_figure(timeline_figure(person(), 500), tmp_path / "t.png")
    head = (tmp_path / "t.png").read_bytes()[:24]
    assert struct.unpack(">I", head[16:20])[0] == 2100


def test_what_cannot_be_drawn_or_written_is_said(tmp_path: Path) -> None:
    nobody = participants(finished([ready()]))[0]
    with pytest.raises(ReportError, match="nothing to draw"):
        timeline_figure(nobody, 500)
    figure = valence_arousal_figure(person(), 500)
    with pytest.raises(ReportError, match=r"\.svg, \.png, \.pdf"):
        save_figure(figure, tmp_path / "figure.docx")
    with pytest.raises(ReportError, match="cannot write"):
        save_figure(figure, tmp_path / "nowhere" / "figure.svg")
