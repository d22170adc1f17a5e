"""Training crops: where each FER+ face lies by the mesh, and the crops that augmentation makes."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..datasets.ferplus import SIDE, FerPlus
from ..face_crop import (
    CROP,
    GEOMETRY,
    TEMPLATE,
    Float32,
    Float64,
    Grey,
    align,
    crop_transform,
    geometry,
    shift_source,
)
from ..face_mesh import FaceMesh, finder_facts

UPSCALE: Final = 4
"""The mesh needs faces larger than 48 px."""
MARGIN: Final = 64
"""Margin in px about the enlarged face: the face detector expects some room."""

Image = NDArray[np.uint8]
Ints = NDArray[np.int64]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the faces lie.

    Attributes:
        transforms: (N, 2, 3) float64 from px of the upscaled face to crop px.
        found: (N,) bool; where it is False, the transform is the median one.
        geometry: (N, 8) float32 in the order of `face_crop.GEOMETRY`, NaN where not found.
    """

    transforms: Float64
    found: NDArray[np.bool_]
    geometry: Float32


def frame_of(face: Grey) -> Image:
    """A camera-like image of one 48 x 48 face: enlarged, with its border repeated about it.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    large = cv2.copyMakeBorder(upscale(face), *(MARGIN,) * 4, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(large, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)


def upscale(face: Grey) -> Grey:
    """(48, 48) to (192, 192) uint8."""
    side = SIDE * UPSCALE
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(
        np.uint8, copy=False
    )


def place_faces(corpus: FerPlus, cache: Path, progress: Progress) -> Placement:
    """Find every face with the mesh, or read where it was found from the cache.

    Args:
        corpus: the faces.
        cache: folder for the result; made if missing.
        progress: told every few thousand faces.
    """
    path = cache / f"ferplus-placement-{_digest(corpus)}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as store:
            return Placement(store["transforms"], store["found"], store["geometry"])
    transforms = np.zeros((len(corpus.faces), 2, 3))
    found = np.zeros(len(corpus.faces), dtype=np.bool_)
    shapes = np.full((len(corpus.faces), len(GEOMETRY)), np.nan, dtype=np.float32)
    with FaceMesh(max_faces=1, still=True) as mesh:
        for row, face in enumerate(corpus.faces):
            if faces := mesh.find(frame_of(face), row):
                transforms[row] = shift_source(crop_transform(faces[0]), MARGIN, MARGIN)
                shapes[row] = geometry(faces[0])
                found[row] = True
            if row % 4000 == 0:
                progress(f"placed {row} of {len(corpus.faces)} faces")
    if found.any():
        transforms[~found] = np.median(transforms[found], 0)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, transforms=transforms, found=found, geometry=shapes)
    os.replace(partial, path)
    return Placement(transforms, found, shapes)


def _digest(corpus: FerPlus) -> str:
    """Changes with the faces and with all that decides where a face is found."""
    facts = json.dumps([MARGIN, UPSCALE, CROP, TEMPLATE, GEOMETRY, finder_facts()])
    return hashlib.sha256(corpus.faces.tobytes() + facts.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Jitter:
    """How far augmentation goes; spreads are standard deviations, cut at two of them.

    Attributes:
        turn_rad: turn of the crop.
        scale: log of the zoom.
        shift_px: shift of the crop, px.
        gain: log of the contrast.
        gamma: log of the gamma.
        noise: pixel noise, grey levels.
        soften: chance of a blur or a loss of resolution.
        erase: chance of a rectangle being wiped out.
    """

    turn_rad: float = 0.12
    scale: float = 0.07
    shift_px: float = 1.7
    gain: float = 0.25
    gamma: float = 0.25
    noise: float = 4.0
    soften: float = 0.25
    erase: float = 0.35


def plain_crop(face: Grey, transform: Float64) -> Grey:
    """The crop that the live system would see: (48, 48) uint8."""
    return align(upscale(face), transform)


def jittered_crop(face: Grey, transform: Float64, rng: np.random.Generator, jitter: Jitter) -> Grey:
    """One augmented crop, (48, 48) uint8; mirrored half of the time."""
    crop = align(upscale(face), jitter_transform(transform, rng, jitter))
    if rng.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    if rng.random() < jitter.soften:
        crop = _soften(crop, rng)
    crop = _relight(crop, rng, jitter)
    if rng.random() < jitter.erase:
        _erase(crop, rng)
    return crop


def jitter_transform(transform: Float64, rng: np.random.Generator, jitter: Jitter) -> Float64:
    """Turn, zoom and shift about the crop's centre, as unsteady landmarks would."""
    turn, zoom, right, down = np.clip(rng.standard_normal(4), -2, 2)
    angle, scale = turn * jitter.turn_rad, np.exp(zoom * jitter.scale)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    out: Float64 = rotation @ transform
    centre = np.full(2, (CROP - 1) / 2)
    out[:, 2] += centre - rotation @ centre + np.array([right, down]) * jitter.shift_px
    return out


def _soften(crop: Grey, rng: np.random.Generator) -> Grey:
    """Blur, or a low resolution as of a far face."""
    if rng.random() < 0.5:
        blurred = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.2))
        return blurred.astype(np.uint8, copy=False)
    side = int(rng.integers(20, CROP))
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (CROP, CROP), interpolation=cv2.INTER_LINEAR).astype(
        np.uint8, copy=False
    )


def _relight(crop: Grey, rng: np.random.Generator, jitter: Jitter) -> Grey:
    """Contrast, gamma, a slope of light across the face, and noise."""
    gain, gamma, slope_x, slope_y = rng.standard_normal(4)
    axis = np.linspace(-1, 1, CROP)
    x = (crop / 255.0) ** np.exp(gamma * jitter.gamma)
    x = 0.5 + (x - 0.5) * np.exp(gain * jitter.gain)
    x = x + 0.08 * (slope_x * axis[None, :] + slope_y * axis[:, None])
    x = x * 255.0 + rng.standard_normal((CROP, CROP)) * (abs(jitter.noise) * rng.random())
    out: Grey = np.clip(x, 0, 255).astype(np.uint8)
    return out


def _erase(crop: Grey, rng: np.random.Generator) -> None:
    """Wipe a rectangle out in place, as a hand, hair or a caption would."""
    height, width = rng.integers(6, 22, size=2)
    top, left = rng.integers(0, CROP - height), rng.integers(0, CROP - width)
    crop[top : top + height, left : left + width] = rng.integers(0, 256)
