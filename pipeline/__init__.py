"""Health, windows, supervision, events and the command line: the graph that joins the parts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis import Analysis as Analysis
    from .analysis import analyze as analyze
    from .embed import Recognizer as Recognizer
    from .embed import SyncRecognizer as SyncRecognizer

__all__ = ["Analysis", "Recognizer", "SyncRecognizer", "analyze"]


def __getattr__(name: str) -> Any:
    """Load the Python interface when it is asked for: it needs torch and the rest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = "analysis" if name in ("Analysis", "analyze") else "embed"
    return getattr(import_module(f".{module}", __name__), name)
