"""Corruptions with a strength in their own unit: what a denoiser is trained on and tested against.

Hendrycks and Dietterich 2019 ("Benchmarking Neural Network Robustness to Common Corruptions") use
the same kinds at five fixed strengths.
"""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from convae.errors import DataError


class Corruption(NamedTuple):
    """One kind of corruption: its name and its strength.

    unit: of the strength. most: the largest strength; 0 changes nothing. default: the strength a
    page starts with. curve: strengths to measure a curve at, rising.
    """

    label: str
    description: str
    unit: str
    most: float
    step: float
    default: float
    curve: tuple[float, ...]


CORRUPTIONS = {
    "gaussian": Corruption(
        "Gaussian noise",
        "Noise added to every value; the strength is its standard deviation in 8-bit units.",
        "8-bit units",
        150.0,
        1.0,
        25.0,
        (5, 10, 25, 50, 75, 100),
    ),
    "salt_and_pepper": Corruption(
        "Salt and pepper",
        "Pixels turn white or black; the strength is the fraction of pixels.",
        "fraction of pixels",
        1.0,
        0.01,
        0.1,
        (0.02, 0.05, 0.1, 0.2, 0.4),
    ),
    "speckle": Corruption(
        "Speckle",
        "Noise proportional to the value of the pixel; the strength is its relative standard "
        "deviation.",
        "relative standard deviation",
        2.0,
        0.01,
        0.3,
        (0.1, 0.2, 0.3, 0.5, 0.8),
    ),
    "blur": Corruption(
        "Gaussian blur",
        "The image is blurred; the strength is the standard deviation of the blur in pixels.",
        "pixels",
        5.0,
        0.1,
        1.0,
        (0.5, 0.75, 1, 1.5, 2, 3),
    ),
    "mask": Corruption(
        "Masked square",
        "A gray square at a random place; the strength is its side in pixels.",
        "pixels",
        32.0,
        1.0,
        8.0,
        (4, 8, 12, 16, 20),
    ),
    "jpeg": Corruption(
        "JPEG artifacts",
        "The image is saved as JPEG; the strength is 100 - quality.",
        "100 - quality",
        99.0,
        1.0,
        90.0,
        (50, 70, 80, 90, 95),
    ),
}


def check_corruption(kind: str, strength: float) -> None:
    """DataError if there is no such corruption, or the strength is outside its range."""
    if kind not in CORRUPTIONS:
        raise DataError(f"`{kind[:80]}` is not a corruption: give {', '.join(CORRUPTIONS)}.")
    most = CORRUPTIONS[kind].most
    if not 0 <= strength <= most:
        raise DataError(
            f"`strength` (={strength:g}) of {kind} must lie in 0..{most:g} "
            f"({CORRUPTIONS[kind].unit})."
        )


def corrupt(images: np.ndarray, kind: str, strength: float, seed: int = 0) -> np.ndarray:
    """Corrupted copies of uint8 (N, 32, 32, 3) images, clipped; strength 0 changes nothing.

    kind: one of CORRUPTIONS, which gives the unit of `strength`. DataError for another kind or
    a strength outside its range. Equal seeds give equal corruptions, and the corruption of the
    first images does not depend on how many follow.
    """
    check_corruption(kind, strength)
    damaged = np.array(images)
    if not strength:
        return damaged
    rng = np.random.default_rng(seed)
    count, height, width, _ = damaged.shape
    if kind == "gaussian":
        noise = rng.standard_normal(damaged.shape, np.float32) * strength
        return _clipped(damaged + noise)
    if kind == "speckle":
        noise = rng.standard_normal(damaged.shape, np.float32) * strength
        return _clipped(damaged + damaged * noise)
    if kind == "salt_and_pepper":
        chance = rng.random((count, height, width))
        damaged[chance < strength / 2] = 0
        damaged[chance >= 1 - strength / 2] = 255
    if kind == "mask":
        side = round(strength)
        for image, corner in zip(damaged, rng.random((count, 2)), strict=True):
            top, left = (corner * (height - side + 1, width - side + 1)).astype(int)
            image[top : top + side, left : left + side] = 128
    if kind == "blur":
        return _blurred(damaged, strength)
    if kind == "jpeg":
        for image in damaged:
            image[:] = _jpeg(image, 100 - round(strength))
    return damaged


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "JPEG", quality=quality)
    return np.asarray(Image.open(packed, formats=("JPEG",)))


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    reach = min(images.shape[1] - 1, int(3 * sigma + 1))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    blurred = images.astype(np.float32)
    for axis in (1, 2):
        sides = [(reach, reach) if axis == other else (0, 0) for other in range(4)]
        padded = np.pad(blurred, sides, mode="reflect")
        length = images.shape[axis]
        blurred = sum(
            weight * padded.take(range(start, start + length), axis=axis)
            for start, weight in enumerate(weights)
        )
    return _clipped(blurred)
