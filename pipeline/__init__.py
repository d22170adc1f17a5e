"""Health, windows, supervision, events and the command line: the graph that joins the parts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis import Analysis as Analysis
    from .analysis import analyze as analyze

__all__ = ["Analysis", "analyze"]


def __getattr__(name: str) -> Any:
    """Load the Python interface when it is asked for: it needs torch and the rest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import analysis

    return getattr(analysis, name)
