from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tacit.pipeline.annotations import Annotation, AnnotationSet
from tacit.pipeline.comparison import compare, pair
from tacit.pipeline.comparison_plot import plot, save
from tacit.pipeline.export.replacing import ExportError
from tests.fakes.finished import typical

GIVEN = AnnotationSet(Path("a.csv"), (Annotation(0, 5500, "happiness", valence=0.1),), {})


def test_there_is_a_panel_per_kind_of_annotation(tmp_path: Path) -> None:
    pairs = pair(typical(), GIVEN)
    figure = plot(compare(typical(), GIVEN, pairs), pairs)
    classes, confusion, valence = figure.axes
    assert valence.get_ylabel() == "valence"
    assert sorted(text.get_text() for text in confusion.texts) == ["1", "1", "1", "2"]
    assert np.asarray(classes.lines[0].get_ydata()).tolist() == [1.0] * 6
    save(figure, tmp_path / "a.png")
    assert imread(tmp_path / "a.png").shape[2] == 4


def test_pictures_have_known_formats_and_replace_nothing(tmp_path: Path) -> None:
    pairs = pair(typical(), GIVEN)
    figure = plot(compare(typical(), GIVEN, pairs), pairs)
    with pytest.raises(ExportError, match=r"plots are \.png"):
        save(figure, tmp_path / "a.docx")
    (tmp_path / "a.svg").write_text("old")
    with pytest.raises(ExportError, match="is there already"):
        save(figure, tmp_path / "a.svg")
    save(figure, tmp_path / "a.svg", force=True)
    assert "<svg" in (tmp_path / "a.svg").read_text("utf-8")
