"""Compares recovery with its rivals on class-paired windows: results/recovery/paired.json.

    python tools/recovery_paired.py --root ../shared/data --weights models/weights --stages STAGES

The stages are those of `tools/train.py recovery`; two more are added to them for the rivals that do
not ship: a fusion without distillation, and a regressor.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer

from tacit.models.checkpoint import read_manifest
from tacit.models.features import MODALITIES, Modality
from tacit.models.recovery.fills import MlpRegressor, mlp_loss
from tacit.models.training.fusion import fit, untrained
from tacit.models.training.fusion_data import Collector
from tacit.models.training.loop import FitConfig, as_stored, fit_steps
from tacit.models.training.pairing import shared_prior
from tacit.models.training.recovery import Draw
from tacit.models.training.recovery_evaluate import Rivals, read_all, table
from tacit.models.training.recovery_run import Run, RunConfig, fixed_noise
from tacit.models.training.stages import Done, StageStore, digest

GAPS: Final = (
    "audio|face+text",
    "face|audio+text",
    "text|audio+face",
    "audio+face|text",
    "audio+text|face",
    "face+text|audio",
)
"""Everything that is not measured is lost."""

RESULT: Final = Path("results/recovery/paired.json")
PASTS: Final = {"without past": 0.0, "with past": 1.0}


def rivals_of(run: Run, mlp_steps: int) -> Rivals:
    """Load the stages and train what is missing."""
    base = run.base()
    teacher = run.teacher(base)
    student = run.student(base, teacher)
    fusion = run.refined(base, student)
    say = run.store.progress
    config = replace(run.config.fusion, distilled=0.0)

    def plain() -> Done:
        return Done(fit(run.data, run.prior, config, say).net.state_dict(), {})

    def regressor() -> Done:
        draw = Draw.seeded(run.pairer(base, "train"), run.config.recovery.seed, 2)
        net = MlpRegressor(student.config).train()

        def loss_of(_: int) -> torch.Tensor:
            gaps = draw.gaps(run.config.recovery.batch)
            return mlp_loss(net, gaps.condition, gaps.truth)

        losses = fit_steps([net], loss_of, FitConfig(mlp_steps, rate=2e-3))
        say(f"mlp: loss {np.mean(losses[-50:]):.4f}")
        return Done(as_stored(net).state_dict(), {})

    settings = {k: v for k, v in asdict(config).items() if k not in ("weights", "cache")}
    dropped = untrained(run.data, config)
    done = run.store.run("plain", {"config": settings, "base": digest(base.state_dict())}, plain)
    dropped.load_state_dict(done.tensors)
    mlp = MlpRegressor(student.config)
    done = run.store.run("mlp", {"steps": mlp_steps, "base": digest(base.state_dict())}, regressor)
    mlp.load_state_dict(done.tensors)
    seen = Draw.seeded(run.pairer(base, "train"), 0, 9).gaps(1024)
    means: dict[Modality, torch.Tensor] = {
        m: (seen.truth[m] * seen.complete[m].unsqueeze(-1)).sum(dim=0)
        / seen.complete[m].sum(dim=0).clamp(min=1).unsqueeze(-1)
        for m in MODALITIES
    }
    return Rivals(fusion, dropped.eval(), base, teacher, student, mlp.eval(), means)


def compared(run: Run, rivals: Rivals, windows: int) -> dict[str, Any]:
    """The table of every gap, with and without a past."""
    noise = fixed_noise(rivals.student, 32, 1)
    found: dict[str, Any] = {}
    for past, share in PASTS.items():
        gaps_config = replace(run.config.recovery.gaps, past=share)
        here = replace(run, config=replace(run.config, recovery=replace(
            run.config.recovery, gaps=gaps_config
        )))  # fmt: skip
        for number, gap in enumerate(GAPS):
            readings = {
                part: read_all(
                    rivals,
                    (here.pairer(rivals.fusion, part), np.random.default_rng([5, number])),
                    gap,
                    windows,
                    (noise, time.perf_counter),
                )
                for part in ("valid", "test")
            }
            found[f"{gap}, {past}"] = table(readings["valid"], readings["test"])
            run.store.progress(f"{gap}, {past}: done")
    return found


def main(
    root: Annotated[Path, typer.Option(envvar="TACIT_DATA", help="The data folder.")],
    weights: Annotated[Path, typer.Option(help="Holds the encoders and the recovery.")],
    stages: Annotated[Path, typer.Option(help="Stages of the training that made them.")],
    cache: Annotated[Path, typer.Option(help="For tokens.")] = Path("runs/cache"),
    windows: Annotated[int, typer.Option(min=10, help="Per gap.")] = 200,
    mlp_steps: Annotated[int, typer.Option(min=1, help="Of the regressor.")] = 900,
) -> None:
    """Compare, and write the result."""
    torch.set_num_threads(1)
    report(root, weights, StageStore(stages, typer.echo), cache, (windows, mlp_steps))


def report(
    root: Path,
    weights: Path,
    store: StageStore,
    cache: Path,
    sizes: tuple[int, int],
    configure: Callable[[RunConfig], RunConfig] = lambda c: c,
) -> None:
    """Compare and write `RESULT`."""
    config = configure(RunConfig())
    config = replace(config, fusion=replace(config.fusion, weights=weights, cache=cache))
    data = Collector(root, weights, config.fusion.data, cache, store.progress).collect()
    prior = shared_prior([data.priors[m] for m in MODALITIES], config.fusion.prior_power)
    run = Run(data, prior, store, config)
    result = {
        "what": "class-paired windows, no trimodal benchmark; see docs/decisions.md",
        "windows_per_gap": sizes[0],
        "encoders": dict(data.encoders),
        "gate": {
            name: value
            for name, value in read_manifest(weights / "recovery").metrics.items()
            if name.startswith(("valid.", "test."))
        },
        "gaps": compared(run, rivals_of(run, sizes[1]), sizes[0]),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
