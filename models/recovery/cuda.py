"""Sampling and reading on a GPU as one CUDA graph, in bfloat16.

For batch 1 a GPU spends its time on launching kernels; a captured graph launches all of them at
once. Its shapes are fixed, so there is one graph per gap and number of bins in the session.
"""

import copy
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..fusion import Fusion
from .averaging import read_samples
from .condition import Condition
from .flow import Guided, Solver, integrate, put_in_place
from .runtime import Known, Recovery

WARM_UP: Final = 3
Module = TypeVar("Module", bound=nn.Module)


class GraphReader:
    """Recovery and fusion of windows of one gap.

    Args:
        recovery: on the CPU; its student is copied.
        fusion: on the CPU; copied.
        known: a window of the gap.

    Raises:
        ModelError: there is no CUDA device.
    """

    def __init__(self, recovery: Recovery, fusion: Fusion, known: Known) -> None:
        if not torch.cuda.is_available():
            raise ModelError("no CUDA device: use the CPU")
        plan = recovery.plan
        self._student = copied(recovery.student)
        self._fusion = copied(fusion)
        self._noise = recovery.noise.unsqueeze(0).cuda()
        self._solver: Solver = recovery.solver
        self._temperature = next(iter(plan.gaps.values())).samples
        self._condition = recovery.condition(fusion, known).to("cuda")
        wanted = torch.cat([self._condition.wanted[m][0] for m in self._condition.names])
        self._where = wanted.nonzero().squeeze(1)
        self._eager = self._read()
        self._graph, self._output = self._captured()

    def __call__(self, condition: Condition) -> Tensor:
        """Averaged probabilities (1, C) of another window of the same gap."""
        for name in condition.names:
            self._condition.values[name].copy_(condition.values[name])
            self._condition.measured[name].copy_(condition.measured[name])
            if self._condition.past is not None and condition.past is not None:
                self._condition.past.values[name].copy_(condition.past.values[name])
                self._condition.past.mask[name].copy_(condition.past.mask[name])
                self._condition.past.age_s[name].copy_(condition.past.age_s[name])
        self._graph.replay()
        return self._output.clone()

    def timed_ms(self) -> float:
        """Time of one replay by CUDA events, ms."""
        begin = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        begin.record()
        self._graph.replay()
        end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end))

    def largest_difference(self) -> float:
        """Between the graph's probabilities and those of the same kernels one by one."""
        self._graph.replay()
        torch.cuda.synchronize()
        return float((self._output - self._eager).abs().max())

    @torch.inference_mode()
    def _read(self) -> Tensor:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            context = self._student.encode(self._condition)
            velocity = Guided(self._student, context, self._solver, None, self._where)
            latents = torch.zeros_like(self._noise)
            made = integrate(velocity, self._noise[:, :, self._where])[-1]
            latents[:, :, self._where] = made.to(latents.dtype)
            samples = put_in_place(self._student, self._condition, latents)
            read = read_samples(self._fusion, samples, self._condition, self._temperature)
        return read.probabilities.float()

    def _captured(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._read()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = self._read()
        return graph, output


def copied(net: Module) -> Module:
    """A copy on the GPU, in evaluation mode."""
    return copy.deepcopy(net).cuda().eval()
