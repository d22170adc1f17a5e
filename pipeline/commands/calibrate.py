"""`tacit calibrate`: a person's own baseline from a neutral recording."""

from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from ...models.features import NS_PER_S, FeatureWindow, Float32, Modality
from ...models.manifest import read_manifest
from ..baseline import BaselineSettings, ModalityProfile, Profile, ProfileError, write_profile
from ..config import Settings, load_settings
from ..feeds import InlineFeed
from ..job import Job
from ..plan import ReplayRequest, make_plan
from ..predictors import InlinePredictor
from ..runner import ReplaySession
from .options import ConfigOption, WeightsOption

CALIBRATED: Final[tuple[Modality, ...]] = ("audio", "face")
"""Words are no property of a person's face or voice."""
LEAST_S: Final = 3.0
DECIMALS: Final = 6


class TokenCollector(InlinePredictor):
    """Reads windows, and keeps the newest bins of each: every bin once.

    Args:
        job: settings name the weights.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._reached_ns = 0
        self.tokens: dict[Modality, list[Float32]] = {name: [] for name in CALIBRATED}

    def submit(self, job: int, window: FeatureWindow) -> None:
        """Keep what is new and measured."""
        grid = self._job.settings.windows.grid
        for name in CALIBRATED:
            for k in np.flatnonzero(window.mask[name]):
                if window.t1_ns - (grid.bins - 1 - int(k)) * grid.bin_ns > self._reached_ns:
                    self.tokens[name].append(window.values[name][k])
        self._reached_ns = max(self._reached_ns, window.t1_ns)
        super().submit(job, window)


def calibrate_command(
    file: Annotated[
        Path, typer.Argument(help="Recording of one person being neutral, about 10 s.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Baseline to write, .json.")],
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Learn what is usual for one person, from about ten neutral seconds.

    The file holds mean features only, readable by its owner alone. Use it with tacit replay
    --baseline.

    tacit calibrate neutral.mp4 -o me.json
    """
    settings = load_settings(config, {"asr": "off", "weights": weights})
    profile = calibrate(file, settings)
    write_profile(out, profile)
    parts = ", ".join(f"{part.seconds:.1f} s of {m}" for m, part in profile.modalities.items())
    typer.echo(f"{out}: {parts}")


def calibrate(file: Path, settings: Settings) -> Profile:
    """Read a recording and average what was measured in it.

    Raises:
        ProfileError: too little was measured.
        MediaError, ModelError, ConfigError: the recording cannot be read.
    """
    plain = settings.model_copy(update={"baseline": BaselineSettings()})
    request = ReplayRequest(file, plain, inline=True)
    plan = make_plan(request)
    collector = TokenCollector(Job(settings=plain))
    for _ in ReplaySession(request, plan, InlineFeed(plan.jobs), collector):
        pass
    bin_s = plain.windows.grid.bin_ns / NS_PER_S
    parts: dict[Modality, ModalityProfile] = {}
    measured: list[str] = []
    for name, tokens in collector.tokens.items():
        seconds = len(tokens) * bin_s
        measured.append(f"{seconds:.1f} s of {name}")
        if seconds >= LEAST_S:
            mean = np.mean(np.stack(tokens), axis=0, dtype=np.float64)
            parts[name] = ModalityProfile(
                encoder=read_manifest(plain.weights / name).sha256,
                seconds=seconds,
                mean=tuple(round(float(v), DECIMALS) for v in mean),
            )
    if not parts:
        raise ProfileError(
            f"{file}: only {' and '.join(measured)} could be measured, {LEAST_S:.0f} s wanted; "
            "record about 10 s of one person, speaking calmly and looking at the camera"
        )
    return Profile(modalities=parts)
