"""Reads pickles that hold NumPy arrays and plain containers, and nothing else.

The field's usual feature files are pickles, and loading a pickle runs whatever it asks for. This
reader knows the few names that arrays are rebuilt with; a file that asks for anything else is
refused before that name is looked up.
"""

# The one place that reads pickles; see the module's description.
from pathlib import Path
from pickle import Unpickler, UnpicklingError  # noqa: TID251
from typing import Any, Final

import numpy as np
from numpy.core import multiarray

from ..errors import DatasetError

_LATIN: Final = "latin1"


def _as_bytes(text: str, encoding: str = _LATIN) -> bytes:
    """What pickles of old protocols write bytes as: text to be encoded as Latin-1."""
    if encoding != _LATIN:
        raise UnpicklingError(f"bytes in {encoding!r}")
    return text.encode(_LATIN)


ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _as_bytes,
    **{
        (module, name): getattr(multiarray, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    },
    **{
        (module, "_frombuffer"): vars(np.core.numeric)["_frombuffer"]
        for module in ("numpy.core.numeric", "numpy._core.numeric")
    },
}
"""Names that rebuild arrays and their scalars, of NumPy 1 and 2."""


class _Arrays(Unpickler):
    """Unpickler that looks up nothing but `ALLOWED`."""

    def find_class(self, module: str, name: str) -> Any:
        """An allowed name.

        Raises:
            UnpicklingError: any other.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise UnpicklingError(f"it asks for {module}.{name}") from None


def read_arrays(path: Path) -> Any:
    """Containers and arrays of a pickle file.

    Raises:
        DatasetError: missing, damaged, or asking for anything but arrays.
    """
    try:
        with path.open("rb") as file:
            return _Arrays(file, encoding=_LATIN).load()
    except FileNotFoundError as exc:
        raise DatasetError(f"{path}: missing") from exc
    except UnpicklingError as exc:
        raise DatasetError(
            f"{path}: refused: {exc}; only NumPy arrays and plain containers are read"
        ) from exc
    except MemoryError as exc:
        raise DatasetError(f"{path}: it asks for more memory than there is") from exc
    except (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError) as exc:
        raise DatasetError(f"{path}: not a readable pickle: {exc or type(exc).__name__}") from exc
