"""One image in, one face token out: mesh, aligned crop, residual CNN and geometry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import cv2
import numpy as np
import torch
from scipy.special import softmax
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .checkpoint import SHIPPED, load, restore
from .errors import CheckpointError
from .face_crop import GEOMETRY, Grey, align, crop_transform, geometry
from .face_graph import FaceSession
from .face_mesh import FaceMesh, Float32, Image
from .face_net import Block, FaceNet, FaceNetConfig, normalise
from .labels import EMOTIONS

KIND: Final = "face"

# The face oval of the mesh, clockwise from the forehead.
_OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)


@dataclass(frozen=True, slots=True)
class FaceEncoderConfig:
    """What a face checkpoint's manifest holds as its config.

    Attributes:
        net: shape of the net.
        prior: share of each class in the training labels, in the order of `labels.EMOTIONS`.
        prior_strength: how much of the log prior is taken off the logits, so that rare classes
            are not passed over (Menon et al. 2021); 0 leaves them.
        temperature: divides the logits, fitted on the validation part.
    """

    net: FaceNetConfig
    prior: tuple[float, ...] = (1 / len(EMOTIONS),) * len(EMOTIONS)
    prior_strength: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if len(self.prior) != len(EMOTIONS) or min(self.prior) <= 0:
            raise ValueError(f"prior must be {len(EMOTIONS)} shares above 0, not {self.prior}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")

    def probabilities(self, logits: Float32) -> Float32:
        """Class probabilities (B, 7) float32 of the net's logits (B, 7), read as set here."""
        offset = self.prior_strength * np.log(self.prior)
        shares: Float32 = softmax((logits - offset) / self.temperature, axis=1)
        return shares.astype(np.float32)

    def reread(self, probabilities: Float32, strength: float) -> Float32:
        """What `probabilities` (B, 7) would be with another strength of the prior."""
        logits = self.temperature * np.log(probabilities.clip(1e-12))
        logits += self.prior_strength * np.log(self.prior)
        return replace(self, prior_strength=strength).probabilities(logits)

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> Self:
        """Read a manifest's config.

        Raises:
            TypeError: a key is unknown or missing, or a value has the wrong type.
            ValueError: a value is out of range.
        """
        rest = dict(fields)
        shape = dict(rest.pop("net"))
        for name in ("widths", "depths"):
            shape[name] = tuple(int(n) for n in shape[name])
        prior = tuple(float(p) for p in rest.pop("prior"))
        return cls(net=FaceNetConfig(**shape), prior=prior, **rest)


class FaceEncoder:
    """Aligned crops to embeddings and class probabilities.

    Args:
        net: trained; it is put into evaluation mode and its normalisations are folded in.
        config: how its logits are read.
    """

    def __init__(self, net: FaceNet, config: FaceEncoderConfig) -> None:
        self.config = config
        self._session = FaceSession(folded(net.eval()))

    @classmethod
    def load(cls, folder: Path = SHIPPED / KIND) -> Self:
        """Read a checkpoint.

        Raises:
            CheckpointError: missing, damaged, or its config does not fit.
        """
        tensors, manifest = load(folder, KIND)
        try:
            config = FaceEncoderConfig.from_mapping(manifest.config)
            net = FaceNet(config.net)
        except (TypeError, ValueError, KeyError) as exc:
            raise CheckpointError(f"{folder}: config does not describe a face net: {exc}") from exc
        restore(net, tensors, folder)
        return cls(net, config)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.config.net.embedding

    def encode(self, crops: Grey) -> tuple[Float32, Float32]:
        """Encode a batch of crops.

        Args:
            crops: (B, 48, 48) uint8.

        Returns:
            embeddings (B, E) float32 in [-1, 1] and probabilities (B, 7) float32.

        Raises:
            ValueError: the crops have another shape.
        """
        embedding, logits = self.forward(crops)
        return embedding, self.config.probabilities(logits)

    def forward(self, crops: Grey) -> tuple[Float32, Float32]:
        """As `encode`, with the net's own logits (B, 7) in place of probabilities."""
        return self._session.run(normalise(torch.from_numpy(crops)).numpy())


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """What one image says about the largest face in it.

    Attributes:
        faces: how many were found; with none, all else is None.
        values: (D,) float32: embedding, then the numbers of `face_crop.GEOMETRY`.
        probabilities: (7,) float32 in the order of `labels.EMOTIONS`.
        box: left, top, right, bottom of the mesh, px; can reach beyond the image.
        sharpness: fine detail of the crop over its contrast, about 0 (blurred) to 1 and more.
        outline: (36, 2) float32, the oval of the face, px, for drawing.
    """

    faces: int
    values: Float32 | None = None
    probabilities: Float32 | None = None
    box: tuple[float, float, float, float] | None = None
    sharpness: float | None = None
    outline: Float32 | None = None


class FaceReader:
    """Reads the largest face of each image; torch's thread count is the caller's to set.

    Args:
        encoder: for crops.
        mesh: for landmarks; closed by `close`.
    """

    def __init__(self, encoder: FaceEncoder, mesh: FaceMesh) -> None:
        self._encoder = encoder
        self._mesh = mesh

    @classmethod
    def load(
        cls, folder: Path = SHIPPED / KIND, landmarker: Path | None = None, still: bool = False
    ) -> Self:
        """Read a checkpoint and start the mesh.

        Args:
            folder: the face checkpoint.
            landmarker: a `face_landmarker.task` file; None takes MediaPipe's bundled mesh.
            still: True where images are unrelated to each other.

        Raises:
            CheckpointError: the checkpoint is missing, damaged or does not fit.
            ModelError: the landmarker file is missing or not one.
        """
        return cls(FaceEncoder.load(folder), FaceMesh(landmarker, still=still))

    @property
    def dim(self) -> int:
        """D, the length of `FaceReading.values`."""
        return self._encoder.dim + len(GEOMETRY)

    def read(self, image_bgr: Image, t_ns: int) -> FaceReading:
        """Read one image.

        Args:
            image_bgr: (H, W, 3) uint8.
            t_ns: when it was taken.

        Raises:
            ValueError: wrong shape or type, or sides outside [32, 8192] px.
        """
        found = self._mesh.find(image_bgr, t_ns)
        if not found:
            return FaceReading(faces=0)
        face = found[0]
        grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
        crop = align(grey, crop_transform(face))
        embedding, probabilities = self._encoder.encode(crop[None])
        return FaceReading(
            faces=len(found),
            values=np.concatenate([embedding[0], geometry(face)]),
            probabilities=probabilities[0],
            box=face.box,
            sharpness=sharpness(crop),
            outline=face.points[list(_OVAL), :2].copy(),
        )

    def restart(self) -> None:
        """Begin another stream: what was seen before no longer counts."""
        self._mesh.restart()

    def close(self) -> None:
        """Free the mesh; the object cannot be used afterwards."""
        self._mesh.close()


def sharpness(crop: Grey) -> float:
    """Variance of the Laplacian over the variance of the crop, so that contrast does not count.

    It is taken at the scale that the net sees: blur that is lost in shrinking does no harm.
    """
    pixels = crop.astype(np.float32)
    return float(cv2.Laplacian(pixels, cv2.CV_32F).var() / (pixels.var() + 1.0))


def folded(net: FaceNet) -> FaceNet:
    """`net` with each batch normalisation folded into the convolution before it."""
    net.stem, net.stem_norm = _fold(net.stem, net.stem_norm)
    for block in net.blocks:
        if isinstance(block, Block):
            block.conv1, block.norm1 = _fold(block.conv1, block.norm1)
            block.conv2, block.norm2 = _fold(block.conv2, block.norm2)
            if (side := block.shortcut) is not None:
                side.conv, side.norm = _fold(side.conv, side.norm)
    return net


def _fold(
    conv: nn.Conv2d, norm: nn.BatchNorm2d | nn.Identity
) -> tuple[nn.Conv2d, nn.BatchNorm2d | nn.Identity]:
    """One convolution that does what the pair did."""
    if isinstance(norm, nn.Identity):
        return conv, norm
    return fuse_conv_bn_eval(conv, norm), nn.Identity()
