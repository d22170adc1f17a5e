"""A person's own baseline in a session: where it comes from, and windows seen against it.

A profile is made once from about ten neutral seconds (`tacit calibrate`). It holds the mean feature
vector of each modality and nothing else: no sound, no picture, no embedding made to tell people
apart. A mean voice feature still says something about a voice, so the file is for its owner alone.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..models.baseline import BaselineState, declare, shift, update
from ..models.baseline_store import StoredBaseline
from ..models.features import NS_PER_S, FeatureWindow, Float32, Modality, PastTokens, TokenGrid
from .errors import UserError
from .window import ClosedWindow

SCHEMA: Final = "tacit-baseline/1"
WHAT: Final = (
    "Mean features of a stretch in which one person was neutral. Not an identity embedding, but "
    "personal data: keep it private."
)
PRIVATE: Final = 0o600
MAX_PROFILE_BYTES: Final = 1 << 20
MAX_REVISABLE: Final = 1000

Mode = Literal["off", "declared", "running"]


class ProfileError(UserError, ValueError):
    """A profile cannot be used; the message names the file and the way out."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModalityProfile(_Strict):
    """What was measured of one modality.

    Attributes:
        encoder: SHA-256 of the encoder that made the features.
        seconds: how much was measured.
        mean: mean token.
    """

    encoder: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    seconds: Annotated[float, Field(gt=0)]
    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=4096)]


class Profile(_Strict):
    """A declared neutral stretch of one person.

    Attributes:
        tacit_baseline: version of this file.
        what: for people who open it.
        modalities: what was measured.
    """

    tacit_baseline: Literal["tacit-baseline/1"] = SCHEMA
    what: str = WHAT
    modalities: Annotated[dict[Modality, ModalityProfile], Field(min_length=1)]


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        ProfileError: missing, too large, or not a profile.
    """
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise ProfileError(f"{path}: too large for a baseline; make one with tacit calibrate")
        return Profile.model_validate_json(path.read_bytes())
    except FileNotFoundError as exc:
        raise ProfileError(f"{path}: no such baseline; make one with tacit calibrate") from exc
    except OSError as exc:
        raise ProfileError(f"{path}: cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ProfileError(
            f"{path}: not a baseline ({where}: {first['msg']}); make one with tacit calibrate"
        ) from exc


def write_profile(path: Path, profile: Profile) -> None:
    """Write a profile that only its owner can read; an older one is replaced whole.

    Raises:
        ProfileError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    text = json.dumps(profile.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as file:
            file.write(text)
        draft.replace(path)
    except OSError as exc:
        raise ProfileError(f"{path}: cannot be written: {exc.strerror}") from exc


def given_profile(value: Any) -> Any:
    """A profile in settings is the path of its file, or what is in it."""
    return read_profile(Path(value)) if isinstance(value, str | Path) else value


class BaselineSettings(_Strict):
    """Whether a person is seen against what is usual for them.

    Attributes:
        mode: "off"; "declared", against the profile alone; "running", also against what is
            measured in the session, starting from the profile if there is one.
        profile: file from `tacit calibrate`; its content is kept in a recorded session.
    """

    mode: Mode = "off"
    profile: Annotated[Profile | None, BeforeValidator(given_profile)] = None


class SessionBaseline:
    """One participant's state over a session; windows must come in order.

    A window is seen against the state before it, so nothing looks ahead, and the same windows give
    the same values.

    Args:
        settings: mode and profile.
        stored: how people differ, for the weights in use.
        grid: of the windows.

    Raises:
        ProfileError: a profile is missing, or was made with other encoders.
    """

    def __init__(self, settings: BaselineSettings, stored: StoredBaseline, grid: TokenGrid) -> None:
        if settings.mode == "declared" and settings.profile is None:
            raise ProfileError(
                "baseline.mode is declared, but no profile is given: pass --baseline FILE, made "
                "with tacit calibrate"
            )
        self._stored = stored
        self._rule = replace(stored.rule, running=settings.mode == "running")
        self._grid = grid
        self._states = {
            name: BaselineState.initial(population.dim)
            for name, population in stored.populations.items()
        }
        for name, part in _fitting(settings.profile, stored).items():
            weight = part.seconds / stored.observation_s
            self._states[name] = declare(self._states[name], np.array(part.mean), weight)
        self._reached_ns = 0
        self._used: dict[int, dict[Modality, Float32]] = {}

    def apply(self, closed: ClosedWindow) -> ClosedWindow:
        """The window as it is to be read; a revised one is seen as when it was first read."""
        if closed.revision == 0 or closed.index not in self._used:
            self._used[closed.index] = self._shifts()
            self._used.pop(closed.index - MAX_REVISABLE, None)
            self._learn(closed.window)
        return replace(closed, window=shifted(closed.window, self._used[closed.index]))

    def _shifts(self) -> dict[Modality, Float32]:
        return {
            name: shift(state, self._stored.populations[name], self._rule).astype(np.float32)
            for name, state in self._states.items()
        }

    def _learn(self, window: FeatureWindow) -> None:
        """Take in the measured bins that no earlier window held."""
        if not self._rule.running:
            return
        bin_ns, bins = self._grid.bin_ns, self._grid.bins
        weight = bin_ns / NS_PER_S / self._stored.observation_s
        for name, state in self._states.items():
            for k in np.flatnonzero(window.mask[name]):
                end_ns = window.t1_ns - (bins - 1 - int(k)) * bin_ns
                token = window.values[name][k]
                if end_ns > self._reached_ns and np.isfinite(token).all():
                    state = update(state, token.astype(np.float64), end_ns, self._rule, weight)
            self._states[name] = state
        self._reached_ns = max(self._reached_ns, window.t1_ns)


def shifted(window: FeatureWindow, shifts: Mapping[Modality, Float32]) -> FeatureWindow:
    """A window whose measured tokens, and past ones, are moved; what is not measured stays 0."""
    values, past = dict(window.values), dict(window.past)
    for name, by in shifts.items():
        measured = window.mask[name][:, None]
        values[name] = np.where(measured, window.values[name] - by, window.values[name])
        if name in past:
            past[name] = PastTokens(past[name].values - by, past[name].age_s)
    return replace(window, values=values, past=past)


def _fitting(profile: Profile | None, stored: StoredBaseline) -> dict[Modality, ModalityProfile]:
    """The parts of a profile that the weights can use."""
    if profile is None:
        return {}
    parts = {m: p for m, p in profile.modalities.items() if m in stored.populations}
    for name, part in parts.items():
        right = part.encoder == stored.encoders[name]
        if not right or len(part.mean) != stored.populations[name].dim:
            raise ProfileError(
                f"the baseline was made with another {name} encoder than the one in use: run "
                "tacit calibrate again"
            )
    if not parts:
        raise ProfileError(
            f"the baseline holds {', '.join(profile.modalities)}, and these weights can use "
            f"{', '.join(stored.populations)}: run tacit calibrate again with both in it"
        )
    return parts
