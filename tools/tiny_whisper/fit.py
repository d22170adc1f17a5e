"""The training loop; it can be stopped and taken up again."""

import json
import time
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from .batches import IGNORED, Batch, Batches
from .net import TinyWhisper

RATE: Final = 2e-3
GUIDE: Final = 0.3
"""Weight of looking at the right place against saying the right token."""
COUNT: Final = 16
WHOLE_COUNT: Final = 4
WHOLE_EVERY: Final = 8
"""In the second half one batch of so many is as long as Whisper pads its sound to; the others are
only as long as need be, which costs a tenth."""
KEEP_EVERY: Final = 100


def loss_of(net: TinyWhisper, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross entropies of the tokens and of where the timing head looks."""
    scores, logs = net(batch.mels, batch.tokens)
    told = functional.cross_entropy(
        scores.flatten(0, 1), batch.target.flatten(), ignore_index=IGNORED
    )
    guided = batch.guide.sum(2) > 0
    looked = -(batch.guide * logs).sum(2)[guided].mean() if guided.any() else told * 0
    return told, looked


def fit(net: TinyWhisper, batches: Batches, steps: int, keep: Path | None = None) -> None:
    """Train.

    Args:
        net: changed in place.
        batches: to train on.
        steps: how many.
        keep: file for what is needed to go on after an interruption; taken up if it is there.
    """
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.98))
    start = _resume(net, optimizer, keep) if keep is not None and keep.is_file() else 0
    began = time.monotonic()
    for step in range(start, steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * _share(step, steps)
        whole = step > steps // 2 and step % WHOLE_EVERY == 0
        batch = batches.draw(step, WHOLE_COUNT if whole else COUNT, whole=whole)
        told, looked = loss_of(net, batch)
        optimizer.zero_grad()
        (told + GUIDE * looked).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            took = time.monotonic() - began
            told_, looked_ = told.item(), looked.item()
            print(
                f"{step} of {steps}: words {told_:.3f}, look {looked_:.3f}, {took:.0f} s",
                flush=True,
            )
        if keep is not None and (step + 1) % KEEP_EVERY == 0:
            _keep(net, optimizer, step + 1, keep)


def _share(step: int, steps: int) -> float:
    """Of the peak rate: up over 150 steps, then down in a line."""
    return min((step + 1) / 150, max(0.02, 1 - step / steps))


def _keep(net: TinyWhisper, optimizer: torch.optim.Optimizer, step: int, path: Path) -> None:
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"moment.{number}.{name}": value for name, value in moments.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    contiguous = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    save_file(contiguous, partial, metadata={"step": json.dumps(step)})
    partial.replace(path)


def _resume(net: TinyWhisper, optimizer: torch.optim.Optimizer, path: Path) -> int:
    with safe_open(path, framework="pt") as file:
        step = int(json.loads(file.metadata()["step"]))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    net.load_state_dict({k.removeprefix("net."): v for k, v in tensors.items() if k[:4] == "net."})
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("moment."):
            _, number, moment = name.split(".")
            state.setdefault(int(number), {})[moment] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return step
