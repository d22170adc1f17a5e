"""The parts of docs/benchmark.md that are words and not figures."""

from typing import Final

HEAD: Final = """# Benchmark: incomplete data

Made by `python -m tools.benchmark_docs` from the files under `results/benchmark/`; don't edit.
RoHyDR, NMER, IF-MMIN and MMIN stand beside simple fills, beside a fusion that drops what is
missing ("drop"), beside drop with distillation from the complete view, the baseline that papers
leave out, and beside ours. All figures are percent unless said otherwise; brackets are 95 %
intervals.

Run it yourself:

```sh
pip install 'tacit[benchmark]'
tacit benchmark --data mosi --root DATA --models all --protocol random --seeds 5 --jobs 2
tacit benchmark --data ravdess --root DATA --profile full --seeds 5 -o runs/benchmark/ravdess-full
tacit benchmark latency --data ravdess --root DATA -o latency.json
tacit benchmark list
```

The quick profile trains each model for 8 epochs on the first fold and takes minutes. Tables here
are of the full one. Stop a run whenever you like: finished cells are kept, and the same command
goes on.

## Protocol

- **Data.** Fixed published splits, checked by SHA-256. No speaker, video or sample is in two parts;
  each run checks that. Validation is cut from the train part by whole videos or speakers.
- **Choices.** Epochs, weights, gates and temperatures are chosen on validation alone. Models never
  see the labels of the test part: they are hidden until everything is chosen. A test fits a
  dishonest model that picks its seed by the test part, and the audit catches it.
- **Masks.** Drawn per sample from a seed and stored; all models meet the same ones, 5 draws per
  seed and rate. The realised rate is asserted to lie within .005 of the stated one. While the rate
  allows it, each sample keeps a modality. Two modalities reach .5 so; beyond, samples that lost
  both are answered by the class prior of the training labels.
- **Conditions.** Fixed subsets; random missing 0 to .7; rates .3, .5 and .7 in any order
  (imbalanced); Gaussian noise on standardised features at 20 to -5 dB. For data with a time axis
  also lost frames and lost blocks. One model for all rates; `--training per-rate` trains one for
  each.
- **Figures.** Accuracy, UAR, macro and weighted F1, ECE after temperature scaling on validation,
  and the area under each over the missing rate (AUILC). On two classes accuracy is the binary
  accuracy.
- **Uncertainty.** Intervals resample whole videos or speakers 1000 times; seeds are averaged inside
  each draw. The spread over seeds stands beside. Each model is tested against drop + distillation
  by exchanging the two within whole clusters (9999 permutations), and p is corrected for the number
  of models.
- **One by one.** A model must give a sample the same answer alone as in a batch; each cell checks
  that. Released NMER attends across the batch, and would be refused.

Sizes and training lengths follow these small data and not the papers' (docstrings under
`models/zoo/` say where they differ, and which defect of a released code is corrected).
"""

WHY: Final = {
    "mmin": (
        "Its cascade, losses and wiring are tested against values by hand. Zero fill here rests on "
        "a fusion distilled from the complete view; MMIN has no such help."
    ),
    "ifmmin": (
        "The discrepancy is 0 for equal distributions and right by hand, the cascade's wiring is "
        "tested. Zero fill rests on a distilled fusion; IF-MMIN does not."
    ),
    "ifmmin.cycle": "As IF-MMIN; the way back is tested by hand as well.",
    "nmer": (
        "Its bound, scheduler and autoencoder are tested against closed forms, and no sample sees "
        "another. It was made for modalities that are noisy; here they are gone, and what stands "
        "in their place is noise alone."
    ),
    "rohydr.dit": (
        "Its sampler gives a Gaussian back when the network is exact, each stage moves its own "
        "part alone, and it learns small pairs well. One drawn sample stands for what is missing, "
        "and one is less sure than a mean over many (ours averages 32); its projections are frozen "
        "after a training on complete samples, as in the paper."
    ),
    "rohydr.score": (
        "As the transformer variant; Euler-Maruyama with the exact score gives a Gaussian back."
    ),
}
"""Why an implementation is right although it stays below zero fill."""

COMPARING: Final = """## What published numbers can and cannot be compared

Not with the tables above: other features (BERT and COVAREP frames there), other splits, other
models of the encoders. No figure of RoHyDR is printed here, for its tables could not be verified;
the same holds for the condition tables of NMER and IF-MMIN.

What was read in released code or in sources, and matters to whoever compares:

- **Stated and realised rates differ.** The released RoHyDR (and IMDer before it) draws one missing
  pattern per batch by a schedule. On MOSI's 22 test batches the stated .1 to .7 come out as .093,
  .187, .280, .373, .466, .560 and .622, and at .7 still 7 % of samples are complete (found by
  running the schedule).
- **A model per rate or one for all.** IMDer reports 71.2 F1 on MOSI at the rate .7 with a model per
  rate; an independent re-run (CyIN, NeurIPS 2025) with one model for all and masks per sample
  reports 65.1.
- **The epoch chosen on test.** The training script that MMIN, IF-MMIN, NMER and CIF-MMIN share
  overwrites the validation figures by those of the test part before it picks the best epoch.
- **Samples that see each other.** NMER's released autoencoder takes the batch for a sequence.
- **A sampler off its training.** RoHyDR's later code trains with 1000 noise levels and samples as
  if there were 50.
- **What is missing.** NMER's "missing" modality is a noisy one that still tells something; MMIN's
  is zeros.
"""

ADDING: Final = """## Add a model in 30 lines

A model is a class with `fit(train, valid, config)`, `predict(batch)`, `recover(batch)` and
`networks()`; see `models/zoo/interface.py`. [examples/add_a_model.py](../examples/add_a_model.py)
is a whole one: nearest class mean of whatever is measured.

```sh
tacit benchmark --data mosi --root DATA --models drop,dropkd,examples/add_a_model.py:NearestMean
```

It meets the same masks, folds, checks and tests as all others. `batch.mask` says what is measured;
values where it is False must not be looked at. Choose whatever you choose on `valid`. To have your
own MMSA or IEMOCAP files read, give `--data mmsa --root aligned_50.pkl` or `--data iemocap --root
FOLDER` with MMIN's layout. Pickles are read by a reader that knows arrays and nothing else.
"""
