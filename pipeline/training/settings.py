"""Settings of a training run, from one TOML file: a section per stage, strictly checked.

Each stage's own frozen dataclass is its schema, so a setting exists exactly where the code that
uses it declares it. An unknown key, a wrong type or a value that the stage refuses is named by its
path.
"""

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from ...models.errors import ModelError
from .errors import TrainError

Config = TypeVar("Config")

GENERAL: Final = ("seed", "threads", "stages")
MAX_SETTINGS_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One settings file, its sections not yet read by their stages.

    Attributes:
        seed: of every stage that does not set its own; None leaves each stage's default.
        threads: of torch.
        stages: which to run; empty for all.
        sections: per stage, what its section says.
        source: the file, for messages.
    """

    seed: int | None = None
    threads: int = 1
    stages: tuple[str, ...] = ()
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = "settings"


def read_settings(path: Path | None, known: typing.Collection[str]) -> RunSettings:
    """Read a settings file.

    Args:
        path: TOML; None for defaults throughout.
        known: names that a section may have.

    Raises:
        TrainError: missing, no TOML, unknown key, or a value of the wrong kind.
    """
    if path is None:
        return RunSettings()
    tree = _read_toml(path)
    unknown = sorted(set(tree) - set(GENERAL) - set(known))
    if unknown:
        raise TrainError(
            f"{path}: {unknown[0]}: unknown key; known here: {', '.join((*GENERAL, *known))}"
        )
    sections = {name: value for name, value in tree.items() if name not in GENERAL}
    for name, value in sections.items():
        if not isinstance(value, dict):
            raise TrainError(f"{path}: {name}: a section wanted, got {value!r}")
    general: dict[str, Any] = {name: tree[name] for name in GENERAL if name in tree}
    made = configured(RunSettings, general, f"{path}: ")
    for name in made.stages:
        if name not in known:
            raise TrainError(f"{path}: stages: {name!r} is none of {', '.join(known)}")
    if made.threads < 1:
        raise TrainError(f"{path}: threads: {made.threads}, 1 or more wanted")
    return dataclasses.replace(made, sections=sections, source=str(path))


def configured(kind: type[Config], section: Mapping[str, Any], where: str) -> Config:
    """Build a stage's dataclass from its section; what the section leaves out keeps its default.

    Args:
        kind: a dataclass whose fields have defaults; fields may be dataclasses themselves.
        section: values by name.
        where: what error messages begin with, e.g. "train.toml: text.".

    Raises:
        TrainError: unknown key, wrong type, or a value that the dataclass refuses.
    """
    _refuse_unknown(kind, section, where)
    adapter: TypeAdapter[Config] = TypeAdapter(kind)
    try:
        return adapter.validate_python(_completed(kind(), section))
    except ModelError as exc:
        raise TrainError(f"{where[:-1]}: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        problem = f"{first['msg']} (got {first['input']!r})"
        raise TrainError(
            f"{where}{path}: {problem}" if path else f"{where[:-1]}: {problem}"
        ) from exc


def as_plain(config: Any) -> Any:
    """A dataclass as JSON values, for fingerprints: the same exactly when the settings are."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: as_plain(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): as_plain(value) for key, value in config.items()}
    if isinstance(config, tuple | list):
        return [as_plain(value) for value in config]
    return config if isinstance(config, str | int | float | bool | None) else str(config)


def _refuse_unknown(kind: Any, section: Mapping[str, Any], where: str) -> None:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind) if f.init]
    for key, value in section.items():
        if key not in names:
            raise TrainError(f"{where}{key}: unknown key; known here: {', '.join(sorted(names))}")
        items = typing.get_args(hints[key])
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise TrainError(f"{where}{key}: a section wanted, got {value!r}")
            _refuse_unknown(hints[key], value, f"{where}{key}.")
        elif items and dataclasses.is_dataclass(items[0]) and isinstance(value, list):
            for number, item in enumerate(value):
                if not isinstance(item, Mapping):
                    raise TrainError(f"{where}{key}.{number}: a section wanted, got {item!r}")
                _refuse_unknown(items[0], item, f"{where}{key}.{number}.")


def _completed(default: Any, section: Mapping[str, Any]) -> dict[str, Any]:
    """A section, completed in nested ones by the owner's defaults rather than the type's."""
    made = dict(section)
    for key, value in section.items():
        own = getattr(default, key)
        if dataclasses.is_dataclass(own) and isinstance(value, Mapping):
            kept = {f.name: getattr(own, f.name) for f in dataclasses.fields(own) if f.init}
            made[key] = kept | _completed(own, value)
    return made


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_SETTINGS_BYTES:
            raise TrainError(f"{path}: larger than {MAX_SETTINGS_BYTES} bytes")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise TrainError(f"{path}: no such settings file") from exc
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise TrainError(f"{path}: not a readable TOML file: {exc}") from exc
