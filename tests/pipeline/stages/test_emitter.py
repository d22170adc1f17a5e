import numpy as np

from tacit.pipeline.stages.emitter import Emitter
from tacit.stream.packet import Packet


def media(t_ns: int, available_ns: int) -> Packet:
    return Packet("media", "face", "p1", "file", 0, 0, t_ns, 10, available_ns)


def test_packets_are_numbered_and_take_the_times_of_their_cause() -> None:
    emitter = Emitter("face", "p1", epoch=2)
    first = emitter.packet("feature", media(0, 10), np.ones(3, dtype=np.float32), {"a": 1})
    second = emitter.packet("bound", media(10, 20), span_ns=(5, 7))
    assert (first.seq, second.seq) == (0, 1)
    assert (first.epoch, first.modality, first.participant) == (2, "face", "p1")
    assert (first.t_capture_ns, first.duration_ns, first.t_available_ns) == (0, 10, 10)
    assert (second.t_capture_ns, second.duration_ns) == (5, 7)
    assert second.data.size == 0


def test_what_went_in_later_never_comes_out_earlier() -> None:
    emitter = Emitter("face", "p1", epoch=0)
    delayed = emitter.packet("feature", media(0, 1000))
    prompt = emitter.packet("feature", media(10, 20))
    end = emitter.end(20)
    assert [p.t_available_ns for p in (delayed, prompt, end)] == [1000, 1000, 1000]
    assert (end.kind, end.t_capture_ns, end.seq) == ("end", 20, 2)
