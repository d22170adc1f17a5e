from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from tacit.models.checkpoint import Manifest, save
from tacit.models.errors import CheckpointError
from tacit.models.face_crop import CROP, GEOMETRY
from tacit.models.face_encoder import (
    FaceEncoder,
    FaceEncoderConfig,
    FaceReader,
    sharpness,
)
from tacit.models.face_mesh import PROBE_NS
from tacit.models.face_net import FaceNet, FaceNetConfig, normalise

Image = NDArray[np.uint8]
SMALL = FaceNetConfig(widths=(4, 8), depths=(1, 2), embedding=6)


@pytest.fixture(scope="module")
def portrait() -> Image:
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def reader() -> Iterator[FaceReader]:
    shipped = FaceReader.load()
    yield shipped
    shipped.close()


def trained_net(seed: int = 0) -> FaceNet:
    """A net whose normalisations have seen data, so that folding them has something to do."""
    torch.manual_seed(seed)
    net = FaceNet(SMALL).train()
    for _ in range(5):
        net(torch.randn(16, 1, CROP, CROP) * 2 + 1)
    return net.eval()


def crops(count: int = 4) -> Image:
    return np.random.default_rng(3).integers(0, 256, (count, CROP, CROP), dtype=np.uint8)


def write_checkpoint(folder: Path, **config: object) -> Path:
    fields = {**asdict(FaceEncoderConfig(SMALL)), **config}
    manifest = Manifest("face", fields, ["none"], "none", "none", 0, {})
    save(folder, trained_net().state_dict(), manifest)
    return folder


def test_folded_encoder_gives_what_the_net_gives() -> None:
    net = trained_net()
    with torch.inference_mode():
        embedding, logits = net(normalise(torch.from_numpy(crops())))
    found, probabilities = FaceEncoder(trained_net(), FaceEncoderConfig(SMALL)).encode(crops())
    assert found == pytest.approx(embedding.numpy(), abs=1e-5)
    assert probabilities == pytest.approx(logits.softmax(1).numpy(), abs=1e-5)
    assert probabilities.dtype == found.dtype == np.float32


def test_a_row_does_not_depend_on_its_batch() -> None:
    encoder = FaceEncoder(trained_net(), FaceEncoderConfig(SMALL))
    whole, _ = encoder.encode(crops())
    alone, _ = encoder.encode(crops()[2:3])
    assert alone[0] == pytest.approx(whole[2], abs=1e-6)


def test_brightness_and_contrast_hardly_matter() -> None:
    encoder = FaceEncoder(trained_net(), FaceEncoderConfig(SMALL))
    dim = (crops() * 0.5 + 60).astype(np.uint8)
    assert encoder.encode(dim)[0] == pytest.approx(encoder.encode(crops())[0], abs=0.1)


def test_prior_strength_raises_rare_classes_and_temperature_flattens() -> None:
    plain = FaceEncoderConfig(SMALL, prior=(0.7, *[0.05] * 6))
    base = FaceEncoder(trained_net(), plain).encode(crops())[1]
    lifted = FaceEncoder(trained_net(), replace(plain, prior_strength=0.5)).encode(crops())[1]
    ratio = (lifted[:, 0] / lifted[:, 1]) / (base[:, 0] / base[:, 1])
    assert ratio == pytest.approx(np.full(4, 14**-0.5), rel=1e-3)
    flat = FaceEncoder(trained_net(), replace(plain, temperature=3.0)).encode(crops())[1]
    assert (flat.max(1) < base.max(1)).all()
    assert (flat.argmax(1) == base.argmax(1)).all()


def test_wrong_crops_are_named() -> None:
    encoder = FaceEncoder(trained_net(), FaceEncoderConfig(SMALL))
    with pytest.raises(ValueError, match=r"shape \(1, 40, 40\)"):
        encoder.encode(np.zeros((1, 40, 40), dtype=np.uint8))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"prior": [1.0]}, "prior must be 7 shares"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"colour": True}, "colour"),
        ({"net": {"widths": [4], "depths": [1, 2]}}, "differ in length"),
        ({"net": {"widths": [4, 8], "depths": [1, 1], "embedding": 6}}, "do not fit the config"),
    ],
    ids=["prior", "temperature", "unknown", "shape", "weights"],
)
def test_a_config_that_does_not_fit_is_refused(
    tmp_path: Path, config: dict[str, object], message: str
) -> None:
    folder = write_checkpoint(tmp_path / "face", **config)
    with pytest.raises(CheckpointError, match=message):
        FaceEncoder.load(folder)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        FaceReader.load(tmp_path / "face")


def test_any_checkpoint_of_the_kind_can_be_read(tmp_path: Path, portrait: Image) -> None:
    small = FaceReader.load(write_checkpoint(tmp_path / "face"), still=True)
    assert small.dim == SMALL.embedding + len(GEOMETRY)
    values = small.read(portrait, 0).values
    small.close()
    assert values is not None
    assert values.shape == (small.dim,)


def test_reads_the_portrait(reader: FaceReader, portrait: Image) -> None:
    reading = reader.read(portrait, 0)
    assert reading.faces == 1
    assert reading.values is not None
    assert reading.values.shape == (reader.dim,) == (72,)
    assert reading.values.dtype == np.float32
    assert np.isfinite(reading.values).all()
    assert reading.probabilities is not None
    assert reading.probabilities.shape == (7,)
    assert reading.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert reading.box is not None
    left, top, right, bottom = reading.box
    assert reading.outline is not None
    assert reading.outline.shape == (36, 2)
    assert (reading.outline >= (left, top)).all()
    assert (reading.outline <= (right, bottom)).all()


def test_no_face_gives_no_values(reader: FaceReader) -> None:
    reading = reader.read(np.full((240, 320, 3), 90, dtype=np.uint8), 0)
    assert reading.faces == 0
    assert reading.values is None
    assert reading.probabilities is None
    assert reading.box is None
    assert reading.sharpness is None


def test_two_faces_are_counted(reader: FaceReader, portrait: Image) -> None:
    head = portrait[0:256, 96:352]
    assert reader.read(np.hstack([head, head]), 2 * PROBE_NS).faces == 2


def test_wrong_image_is_refused(reader: FaceReader) -> None:
    with pytest.raises(ValueError, match="uint8 wanted"):
        reader.read(np.zeros((100, 100, 3)), 0)  # type: ignore[arg-type]


def test_same_video_gives_the_same_bytes(portrait: Image) -> None:
    def run() -> list[bytes]:
        fresh = FaceReader.load()
        readings = [fresh.read(np.roll(portrait, 4 * i, 1), i * 40_000_000) for i in range(4)]
        fresh.close()
        return [r.values.tobytes() for r in readings if r.values is not None]

    first = run()
    assert len(first) == 4
    assert first == run()


def test_blur_lowers_sharpness_and_contrast_does_not() -> None:
    crop = cv2.GaussianBlur(crops(1)[0], (0, 0), 1.0).astype(np.uint8)
    blurred = cv2.GaussianBlur(crop, (0, 0), 2.0).astype(np.uint8)
    dim = (crop * 0.5 + 40).astype(np.uint8)
    assert sharpness(blurred) < 0.3 * sharpness(crop)
    assert sharpness(dim) == pytest.approx(sharpness(crop), rel=0.1)
    assert sharpness(np.full((CROP, CROP), 7, dtype=np.uint8)) == 0.0


@pytest.mark.data
@pytest.mark.media
@pytest.mark.parametrize("name", ["retalk_face1", "retalk_face2", "retalk_face3"])
def test_real_talking_heads_are_found(data_root: Path, name: str) -> None:
    reader = FaceReader.load()
    found = []
    with av.open(str(data_root / "media" / f"{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 3 == 0:
                image = frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
                found.append(reader.read(image, index * 40_000_000).values is not None)
    reader.close()
    assert len(found) > 30
    assert np.mean(found) >= 0.95
