"""Settings of a run, from defaults, a TOML file, the environment and the command line.

Later sources win. An unknown key, a wrong type or a value out of range is refused with the key's
path, because a setting that is silently ignored is worse than none.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..models.features import TokenGrid
from ..models.manifest import SHIPPED
from .baseline import BaselineSettings
from .errors import UserError

ENV_PREFIX = "TACIT_"
RESERVED_ENV = {"TACIT_DATA", "TACIT_CONFIG"}

Ms = Annotated[int, Field(ge=0, le=60_000)]


class ConfigError(UserError, ValueError):
    """A setting cannot be used; the message names its path and says what is accepted."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=False)


class Windows(_Section):
    """How windows are cut and how long they wait for late data.

    Attributes:
        hop_ms: distance of window ends.
        settle_ms: how much later than a window's end everything must be known before it is read,
            so that a fault which shows at its very end is not taken for a measurement.
        grace_ms: how long a window waits for audio and face.
        text_grace_ms: how old a window may be and still be revised by late words.
        min_coverage: least share of measured bins for a modality to count as measured.
    """

    hop_ms: Annotated[int, Field(ge=100, le=3000, multiple_of=10)] = 500
    settle_ms: Ms = 100
    grace_ms: Ms = 250
    text_grace_ms: Ms = 2000
    min_coverage: Annotated[float, Field(ge=0, le=1)] = 0.1

    @property
    def grid(self) -> TokenGrid:
        """The token grid that the shipped models were trained on."""
        return TokenGrid()


class Face(_Section):
    """Face reading.

    Attributes:
        max_hz: most face readings per second; every frame is still checked for quality.
        landmarker: path of a MediaPipe `face_landmarker.task` to use instead of the bundled mesh.
    """

    max_hz: Annotated[float, Field(gt=0, le=120)] = 10.0
    landmarker: Path | None = None


class RecoverySettings(_Section):
    """Filling in of what failed sensors do not show.

    Attributes:
        enabled: whether anything is filled in; otherwise what is lost is left out.
        deadline_ms: in a live session a recovery that takes longer is given up. A replay waits for
            it, so that its result does not depend on the machine.
    """

    enabled: bool = True
    deadline_ms: Annotated[int, Field(ge=1, le=10_000)] = 100


class WorkerSettings(_Section):
    """What the processes may take.

    Attributes:
        memory_mb: most memory of each worker (PSS), MiB; one that takes more is ended and started
            again. 0 for any amount.
        text_memory_mb: the same for the one that recognises words, whose models are larger.
    """

    memory_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 2048
    text_memory_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 8192

    def memory_bytes(self, worker: str) -> int:
        """Most memory of a worker, bytes."""
        return (self.text_memory_mb if worker == "text" else self.memory_mb) << 20


class Settings(_Section):
    """Everything that a run can be told.

    Attributes:
        weights: folder with the checkpoints `face`, `audio`, `text` and `fusion`.
        asr: "off", "auto" (local Whisper weights if there are any), a model name or a folder.
        threads: torch threads per process.
        windows: see `Windows`.
        face: see `Face`.
        baseline: whether a person is seen against what is usual for them.
        recovery: see `RecoverySettings`.
        workers: see `WorkerSettings`.
    """

    weights: Path = SHIPPED
    asr: str = "auto"
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    windows: Windows = Windows()
    face: Face = Face()
    baseline: BaselineSettings = BaselineSettings()
    recovery: RecoverySettings = RecoverySettings()
    workers: WorkerSettings = WorkerSettings()


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Merge all sources: overrides (command line) > environment > file > defaults.

    Args:
        file: TOML file; `TACIT_CONFIG` in the environment names one otherwise.
        overrides: values by dotted path, e.g. {"windows.hop_ms": 250}; None values are skipped.
        environ: variables; `TACIT_WINDOWS__HOP_MS=250` sets windows.hop_ms.

    Raises:
        ConfigError: file missing or not TOML, unknown key, wrong type or range.
    """
    if file is None and environ.get("TACIT_CONFIG"):
        file = Path(environ["TACIT_CONFIG"])
    merged: dict[str, Any] = _read_toml(file) if file is not None else {}
    for name, value in environ.items():
        if name.startswith(ENV_PREFIX) and name not in RESERVED_ENV:
            _put(merged, name.removeprefix(ENV_PREFIX).lower().split("__"), value)
    for path, value in (overrides or {}).items():
        if value is not None:
            _put(merged, path.split("."), value)
    try:
        return Settings.model_validate(merged)
    except ValidationError as exc:
        raise ConfigError(_first_problem(exc)) from exc


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ConfigError(f"{file}: no such settings file") from exc
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ConfigError(f"{file}: not a readable TOML file: {exc}") from exc


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise ConfigError(f"{'.'.join(path)}: {key} is a value, not a section")
        tree = branch
    tree[path[-1]] = value


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{path}: {first['msg']} (got {first['input']!r})"
    section: type[BaseModel] = Settings
    for part in first["loc"][:-1]:
        section = type(getattr(section(), str(part)))
    return f"{path}: unknown setting; known here: {', '.join(sorted(section.model_fields))}"
