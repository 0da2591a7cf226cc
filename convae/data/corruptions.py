"""Corruptions with a strength: what a denoiser is tested against."""

import numpy as np

from convae.errors import DataError

CORRUPTIONS = {
    "noise": "Gaussian noise; amount is its standard deviation, pixels in [0, 1].",
    "specks": "Salt and pepper; amount is the share of pixels that turn white or black.",
    "mask": "A grey square somewhere; amount is its side as a share of the image's.",
    "blur": "Gaussian blur; amount is its standard deviation in pixels, divided by 5.",
}


def corrupt(images: np.ndarray, kind: str, amount: float, seed: int = 0) -> np.ndarray:
    """Damaged copies of uint8 (N, 32, 32, 3) images, the same shape; amount 0 changes nothing.

    kind: one of CORRUPTIONS, which says what `amount` in [0, 1] means. Equal seeds give equal
    damage, and the damage to the first images does not depend on how many follow.
    """
    if kind not in CORRUPTIONS:
        raise DataError(f"`{kind}` is not a corruption: give {', '.join(CORRUPTIONS)}.")
    if not 0 <= amount <= 1:
        raise DataError(f"`amount` (={amount}) must lie in 0..1.")
    rng = np.random.default_rng(seed)
    damaged = np.array(images)
    count, height, width, _ = damaged.shape
    if kind == "noise":
        noise = rng.standard_normal(damaged.shape, np.float32) * (amount * 255)
        return np.clip(damaged + noise + 0.5, 0, 255).astype(np.uint8)
    if kind == "specks":
        chance = rng.random((count, height, width))
        damaged[chance < amount / 2] = 0
        damaged[chance >= 1 - amount / 2] = 255
    if kind == "mask":
        side = round(amount * width)
        for image, corner in zip(damaged, rng.random((count, 2)), strict=True):
            top, left = (corner * (height - side + 1, width - side + 1)).astype(int)
            image[top : top + side, left : left + side] = 128
    if kind == "blur" and amount:
        return _blurred(damaged, amount * 5)
    return damaged


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
    return np.clip(blurred + 0.5, 0, 255).astype(np.uint8)
