import cv2
import numpy as np
import pytest
import torch
from skimage import data

from tacit.models.datasets.ferplus import FerPlus
from tacit.models.face_crop import GEOMETRY
from tacit.models.face_encoder import FaceEncoder, FaceEncoderConfig
from tacit.models.face_net import FaceNet, FaceNetConfig
from tacit.models.training.face_crops import Placement
from tacit.models.training.face_tokens import FaceSource, ViewConfig, face_views

SHAPE = FaceNetConfig(widths=(4, 8), depths=(1, 1), embedding=6)


@pytest.fixture(scope="module")
def corpus() -> FerPlus:
    """A portrait three times, once without a label, and a blank picture; two are for training."""
    grey = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)[30:210, 130:310]
    face = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA)
    faces = np.stack([face, face, face, np.full_like(face, 90)]).astype(np.uint8)
    soft = np.full((4, 7), 1 / 7, dtype=np.float32)
    return FerPlus(faces, soft, np.array([1, 3, -1, 2]), np.array([0, 0, 0, 0]))


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    torch.manual_seed(0)
    return FaceEncoder(FaceNet(SHAPE), FaceEncoderConfig(SHAPE))


def source(corpus: FerPlus, shape: np.ndarray) -> FaceSource:  # type: ignore[type-arg]
    transforms = np.tile(np.array([[0.25, 0, 0], [0, 0.25, 0]], dtype=np.float64), (4, 1, 1))
    return FaceSource(corpus, Placement(transforms, np.ones(4, dtype=np.bool_), shape), shape)


def test_views_hold_embedding_and_shape(corpus: FerPlus, encoder: FaceEncoder) -> None:
    shape = np.zeros((4, len(GEOMETRY)), dtype=np.float32)
    shape[1] = 1.0
    shape[3] = np.nan
    views = face_views(source(corpus, shape), "train", encoder, ViewConfig(views=3))
    assert views.labels.tolist() == [1, 3]  # neither the one without label nor the one not found
    assert views.tokens.shape == (2, 3, 6 + len(GEOMETRY))
    assert np.array_equal(views.tokens[:, 0, 6:], shape[:2])  # the plain view keeps its shape
    assert not np.allclose(views.tokens[:, 1, 6:], shape[:2])
    assert not np.allclose(views.tokens[:, 0, :6], views.tokens[:, 1, :6])
    assert views.probabilities.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-5)


def test_the_plain_view_is_what_the_encoder_says(corpus: FerPlus, encoder: FaceEncoder) -> None:
    shape = np.zeros((4, len(GEOMETRY)), dtype=np.float32)
    faces = source(corpus, shape)
    views = face_views(faces, "train", encoder, ViewConfig(views=1))
    crops = faces.crops(np.array([0]), None, np.random.default_rng(0))
    embedding, probabilities = encoder.encode(crops)
    assert np.allclose(views.tokens[0, 0, :6], embedding[0], atol=1e-5)
    assert np.allclose(views.probabilities[0], probabilities[0], atol=1e-5)


def test_the_same_seed_gives_the_same_views(corpus: FerPlus, encoder: FaceEncoder) -> None:
    faces = source(corpus, np.ones((4, len(GEOMETRY)), dtype=np.float32))
    one, two = (face_views(faces, "train", encoder, ViewConfig(views=2)) for _ in range(2))
    assert np.array_equal(one.tokens, two.tokens)
