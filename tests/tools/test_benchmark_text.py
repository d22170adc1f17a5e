from tacit.models.benchmark.catalogue import CATALOGUE
from tools.benchmark_text import ADDING, COMPARING, HEAD, WHY


def test_every_parent_method_has_a_reason() -> None:
    parents = {name for name, entry in CATALOGUE.items() if entry.kind == "parent"}
    assert set(WHY) == parents


def test_no_figure_of_rohydr_is_printed() -> None:
    assert "No figure of RoHyDR is printed" in COMPARING
    assert HEAD.startswith("# Benchmark")
    assert "30 lines" in ADDING
