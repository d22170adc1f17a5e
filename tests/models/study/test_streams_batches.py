import numpy as np
import torch

from tacit.models.study.streams_batches import Batch, Sampler, Standard, judged
from tacit.models.study.streams_windows import BINS, NAMES, PAST, SPAN
from tests.models.study.test_streams_windows import stream


def batch(size: int = 64) -> Batch:
    streams = [stream(seed=k) for k in range(2)]
    return Sampler(streams, Standard.of(streams), np.random.default_rng(0)).draw(size)


def test_only_what_was_measured_can_be_lost() -> None:
    drawn = batch()
    for name in NAMES:
        assert not (drawn.lost[name] & ~drawn.measured[name][:, PAST:]).any()
        assert (drawn.tokens[name][~drawn.measured[name]] == 0.0).all()
    # One modality at a time; a fifth of the windows is whole.
    assert not (drawn.lost["audio"].any(dim=1) & drawn.lost["face"].any(dim=1)).any()
    assert drawn.lost["audio"].any()
    assert drawn.lost["face"].any()


def test_nothing_lost_reaches_a_view() -> None:
    """A change of what is lost changes neither what is dropped nor what recovery is given."""
    drawn = batch()
    changed = {
        m: torch.cat(
            [t[:, :PAST], torch.where(drawn.lost[m].unsqueeze(-1), 1e6, t[:, PAST:])], dim=1
        )
        for m, t in drawn.tokens.items()
    }
    other = Batch(changed, drawn.measured, drawn.lost, drawn.labels, drawn.people)
    for past in (False, True):
        for mine, its in zip(drawn.dropped(past)[:2], other.dropped(past)[:2], strict=True):
            assert mine is not None
            assert its is not None
            assert all(torch.equal(mine[m], its[m]) for m in NAMES)
    condition = other.condition()
    for name in NAMES:
        seen = torch.where(condition.measured[name].unsqueeze(-1), condition.values[name], 0.0)
        assert float(seen.abs().max()) < 1e3


def test_the_past_lies_in_front_with_its_age() -> None:
    drawn = batch(8)
    past = drawn.condition().past
    assert past is not None
    assert past.age_s["audio"].shape == (8, PAST)
    # The window is 3 s long, and the newest past bin ends where it begins.
    assert past.age_s["audio"][0].tolist() == [4.875 - 0.25 * k for k in range(PAST)]
    assert drawn.condition(past=False).past is None
    tokens, mask, _ = drawn.dropped(past=True)
    assert tokens["audio"].shape[1] == SPAN
    assert torch.equal(tokens["audio"][:, :PAST], drawn.tokens["audio"][:, :PAST])
    assert torch.equal(mask["audio"][:, PAST:], drawn.kept["audio"])


def test_filled_windows_repeat_their_past_for_each_sample() -> None:
    drawn = batch(6)
    samples = 3
    made = {m: torch.randn(6, samples, BINS, t.shape[2]) for m, t in drawn.tokens.items()}
    tokens, mask, sources = drawn.filled(made, past=True)
    assert sources is not None
    for name in NAMES:
        assert tokens[name].shape[:2] == (6 * samples, SPAN)
        assert torch.equal(tokens[name][4, :PAST], drawn.tokens[name][1, :PAST])
        lost = drawn.lost[name].repeat_interleave(samples, dim=0)
        assert torch.equal(sources[name][:, PAST:] == 1, lost)
        assert mask[name][:, PAST:][lost].all()


def test_judged_windows_are_of_those_who_have_the_modality() -> None:
    made = stream()
    standard = Standard.of([made])
    voices = judged(made, standard, "audio", 4, np.random.default_rng(0))
    faces = judged(made, standard, "face", 12, np.random.default_rng(0))
    assert set(voices.people.tolist()) == {1, 2, 8}
    assert set(faces.people.tolist()) == {1, 2}
    assert len(voices) == len(made.takes)
    # A gap may reach before a person's first take, where there was nothing to lose.
    assert int(voices.lost["audio"].sum(dim=1).max()) == 4
    assert not voices.lost["face"].any()
    assert not faces.kept["face"].any()


def test_some_windows_forget_their_past_and_nothing_else() -> None:
    drawn = batch()
    less = drawn.forgetting(0.5, torch.Generator().manual_seed(0))
    known = less.measured["audio"][:, :PAST].any(dim=1)
    had = drawn.measured["audio"][:, :PAST].any(dim=1)
    assert 0.2 < float(known[had].float().mean()) < 0.8
    for name in NAMES:
        assert torch.equal(less.kept[name], drawn.kept[name])
        assert not less.measured[name][:, :PAST][~known].any()
        assert torch.equal(less.measured[name][known], drawn.measured[name][known])
    tokens, mask, _ = less.dropped(past=True)
    assert not mask["audio"][~known, :PAST].any()
    assert (tokens["audio"][~known, :PAST] == 0.0).all()
