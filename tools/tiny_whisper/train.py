"""Trains the tests' speech recogniser: `python -m tools.tiny_whisper.train [--steps N]`.

It knows twelve sentences by synthetic voices and is no product model. It lets the tests take the
whole road from a microphone to words with real sound, without fetching anything.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch

from .batches import Batches
from .convert import save, vocabulary
from .fit import fit
from .judge import judge
from .net import Shape, TinyWhisper
from .speech import WORDS, corpus

ROOT: Final = Path(__file__).resolve().parent.parent.parent
OUT: Final = ROOT / "tests" / "fixtures" / "whisper"
KEEP: Final = ROOT / "build" / "tiny_whisper.safetensors"


def main() -> None:
    """Train, convert, and say how good it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--keep", type=Path, default=KEEP, help="to go on from when interrupted")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    tokens = vocabulary(WORDS)
    net = TinyWhisper(Shape(len(tokens)))
    said = corpus(np.random.default_rng(given.seed))
    print(
        f"{len(said)} utterances, {sum(piece.length_s for piece in said) / 60:.0f} min", flush=True
    )
    fit(net, Batches(tokens, said, given.seed), given.steps, given.keep)
    save(net.eval(), tokens, given.out)
    for snr_db in (30.0, 10.0):
        print(f"{snr_db:.0f} dB: {judge(given.out, snr_db)}", flush=True)
    given.keep.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
