import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.recovery.cuda import GraphReader
from tacit.models.recovery.runtime import Known
from tests.fakes.conditions import fusion
from tests.fakes.recoveries import recovery, window


def known(seed: int = 0) -> Known:
    some = window(("audio",), ("face",), seed)
    return Known.of(some, some.values, some.mask)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_so() -> None:
    with pytest.raises(ModelError, match="no CUDA device"):
        GraphReader(recovery(), fusion(), known())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_graph_gives_what_its_kernels_give_and_what_the_cpu_gives_nearly() -> None:
    made, net = recovery(), fusion()
    reader = GraphReader(made, net, known())
    assert reader.largest_difference() < 1e-3
    condition = made.condition(net, known(3)).to("cuda")
    first = reader(condition)
    assert torch.equal(first, reader(condition))
    assert float(first.sum()) == pytest.approx(1.0, abs=1e-2)
