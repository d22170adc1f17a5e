from tools.models_docs import PAGE, ROOT
from tools.models_page import page


def test_the_page_says_what_the_result_files_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROOT), "run: python tools/models_docs.py"


def test_every_plot_on_the_page_is_there() -> None:
    shown = PAGE.read_text(encoding="utf-8")
    linked = [part.partition(")")[0] for part in shown.split("](")[1:]]
    plots = [name for name in linked if name.endswith(".svg")]
    assert all((PAGE.parent / name).is_file() for name in plots)
