"""Image sets that need no network: `shapes` drawn here, `digits` from scikit-learn.

Each is a function of the split that gives (images uint8 (N, 32, 32, 3), labels int64 (N,), class
names), the same ones every time. No image of one split is in the other.
"""

import numpy as np
from PIL import Image

from convae.data.disk_cache import Progress

FAVORITE_HUE = {  # of 1; unevenly spaced, as the eye tells more yellows apart than greens
    "arrow": 0.89,
    "circle": 0.07,
    "cross": 0.25,
    "heart": 0.0,
    "moon": 0.55,
    "pill": 0.47,
    "ring": 0.76,
    "square": 0.64,
    "star": 0.14,
    "triangle": 0.37,
}
SHAPES = tuple(FAVORITE_HUE)
SHAPE_COUNTS = {"train": 10_000, "test": 2_000}
REAL_DIMENSION = {"digits": 8 * 8}  # numbers in an image, of sets enlarged from fewer than 3,072


def shapes(
    split: str, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """10 shapes, 10,000 images to train on and 2,000 to test on, drawn from different seeds."""
    count = SHAPE_COUNTS[split]
    images, labels = draw_shapes(count, seed=("train", "test").index(split), progress=progress)
    return images, labels, SHAPES


def draw_shapes(
    count: int, seed: int = 0, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`count` shapes: (images uint8 (N, 32, 32, 3), labels int64 (N,), indices into SHAPES).

    Position, size, tilt, colors and background vary from image to image. Each class has a
    favorite hue, with some variation: as in the world, color hints at the class and does not
    decide it.
    """
    rng = np.random.default_rng([20, seed])
    labels = rng.permutation(np.arange(count) % len(SHAPES))
    images = np.empty((count, 32, 32, 3), np.uint8)
    done = 0
    for label in range(len(SHAPES)):
        where = np.flatnonzero(labels == label)
        images[where] = _draw(label, len(where), rng)
        done += len(where)
        if progress:
            progress(done, count, "drawing shapes")
    return images, labels


def _draw(label: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` images of one class, uint8 (count, 32, 32, 3)."""

    def vary(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    axis = np.arange(32, dtype=np.float32) - 15.5
    x, y = axis[None, None, :], -axis[None, :, None]  # y points up, as in the formulas
    radius = vary(8.5, 12.5)
    room = 15.0 - radius
    tilt = vary(-0.5, 0.5)
    dx, dy = x - vary(-1, 1) * room, y - vary(-1, 1) * room
    u = (np.cos(tilt) * dx + np.sin(tilt) * dy) / radius
    v = (np.cos(tilt) * dy - np.sin(tilt) * dx) / radius
    distance = _distance(SHAPES[label], u, v) * radius  # pixels, negative inside

    hue = FAVORITE_HUE[SHAPES[label]] + rng.normal(0, 0.03, (count, 1, 1))
    bright = _color(hue, vary(0.6, 0.9), vary(0.85, 1.0))
    deep = _color(hue + vary(-0.06, 0.06), vary(0.75, 1.0), vary(0.55, 0.8))
    sky_hue, sky_value = vary(0, 1), vary(0.55, 1.0)
    sky = _color(sky_hue, vary(0.05, 0.35), sky_value)
    ground = _color(sky_hue + vary(-0.15, 0.15), vary(0.05, 0.4), sky_value * vary(0.6, 1.0))

    angle = vary(0, 2 * np.pi)
    slope = ((np.cos(angle) * x + np.sin(angle) * y) / 44 + 0.5)[..., None]
    background = sky + (ground - sky) * slope
    shadow = 0.3 * np.exp(-np.maximum(distance, 0) / 1.5)[..., None]
    light = np.clip(0.5 + 0.5 * (v - 0.5 * u), 0, 1)[..., None]  # falls in from the upper left
    fill = deep + (bright - deep) * light
    inside = np.clip(0.5 - distance, 0, 1)[..., None]  # share of the pixel that is covered
    picture = background * (1 - shadow) * (1 - inside) + fill * inside
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def _color(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """HSV in [0, 1], each (N, 1, 1), hue modulo 1 -> RGB float32 (N, 1, 1, 3) in [0, 1]."""
    sixth = np.concatenate([(np.asarray(hue) * 6 + k) % 6 for k in (5, 3, 1)], axis=-1)
    sixth = sixth[:, :, None, :]
    fall = np.clip(np.minimum(sixth, 4 - sixth), 0, 1)
    value, saturation = value[..., None], saturation[..., None]
    return (value - value * saturation * fall).astype(np.float32)


def _distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance from each point (u, v) to the shape's edge; the shape fills a circle of 1."""
    if shape == "circle":
        return np.hypot(u, v) - 0.9
    if shape == "ring":
        return np.abs(np.hypot(u, v) - 0.72) - 0.2
    if shape == "moon":
        return _moon(u, np.abs(v))
    if shape == "pill":
        return np.hypot(np.maximum(np.abs(u) - 0.62, 0), v) - 0.36
    if shape == "heart":
        return _heart(np.abs(u) / 1.6, v / 1.6 + 0.56) * 1.6
    return _polygon(u, v, _CORNERS[shape]) - 0.06  # rounds the corners


def _moon(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    outer, inner, apart = 0.95, 0.78, 0.48
    tip_u = (outer**2 - inner**2 + apart**2) / (2 * apart)
    tip_v = np.sqrt(outer**2 - tip_u**2)
    beyond = u * tip_v - v * tip_u > apart * np.maximum(tip_v - v, 0)
    body = np.maximum(np.hypot(u, v) - outer, inner - np.hypot(u - apart, v))
    return np.where(beyond, np.hypot(u - tip_u, v - tip_v), body)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    lobe = np.hypot(u - 0.25, v - 0.75) - np.sqrt(2) / 4
    along = np.maximum(u + v, 0) / 2
    below = np.sqrt(np.minimum(u**2 + (v - 1) ** 2, (u - along) ** 2 + (v - along) ** 2))
    return np.where(u + v > 1, lobe, below * np.sign(u - v))


def _polygon(u: np.ndarray, v: np.ndarray, corners: np.ndarray) -> np.ndarray:
    nearest = np.full(u.shape, np.inf, np.float32)  # squared
    inside = np.zeros(u.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = u - ax, v - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        np.minimum(nearest, (wx - ex * along) ** 2 + (wy - ey * along) ** 2, out=nearest)
        if ay != by:  # a ray to the right crosses this edge
            inside ^= ((ay > v) != (by > v)) & (u < ax + ex * (v - ay) / ey)
    return np.where(inside, -1, 1) * np.sqrt(nearest)


def _wheel(*radii: float, turns: int) -> np.ndarray:
    """Corners around a center, from the top, the radii taken in turn."""
    count = turns * len(radii)
    angles = np.pi / 2 + 2 * np.pi * np.arange(count) / count
    around = np.resize(radii, count)
    return np.stack([around * np.cos(angles), around * np.sin(angles)], axis=1).astype(np.float32)


def _corners(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


_CORNERS = {
    "triangle": _wheel(0.98, turns=3) - np.float32([0, 0.1]),
    "star": _wheel(1.0, 0.42, turns=5),
    "square": 0.7 * _corners((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "cross": _corners(
        *[(0.27, 0.27), (0.27, 0.9), (-0.27, 0.9), (-0.27, 0.27), (-0.9, 0.27), (-0.9, -0.27)],
        *[(-0.27, -0.27), (-0.27, -0.9), (0.27, -0.9), (0.27, -0.27), (0.9, -0.27), (0.9, 0.27)],
    ),
    "arrow": _corners(
        (0.95, 0),
        (0.15, 0.75),
        (0.15, 0.27),
        (-0.9, 0.27),
        (-0.9, -0.27),
        (0.15, -0.27),
        (0.15, -0.75),
    ),
}


def digits(
    split: str, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """scikit-learn's 1,797 handwritten digits, 8x8 grays smoothly enlarged into 32x32 RGB.

    The first 1,437 are the training split, the last 360 the test split.
    """
    from sklearn.datasets import load_digits

    result = load_digits()
    part = slice(None, 1437) if split == "train" else slice(1437, None)
    grays = (result.images[part] * (255 / 16)).round().astype(np.uint8)
    large = [Image.fromarray(gray).resize((28, 28), Image.Resampling.BICUBIC) for gray in grays]
    framed = np.pad(np.stack(large), ((0, 0), (2, 2), (2, 2)))  # ink reaches the edge of the 8x8
    images = np.repeat(framed[..., None], 3, axis=3)
    return images, result.target[part].astype(np.int64), tuple("0123456789")


def outside(image: np.ndarray) -> dict[str, np.ndarray]:
    """Images that are in no training set, and `image`, (32, 32, 3), shifted by a pixel: by name."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    fine, coarse = (_checkerboard(side) for side in (1, 4))
    ramp = np.linspace(0, 255, 32).round().astype(np.uint8)
    gradient = np.stack(np.broadcast_arrays(ramp, ramp[:, None], np.uint8(128)), axis=2)
    return {
        "noise": noise,
        "flat color": np.full((32, 32, 3), (230, 60, 150), np.uint8),
        "checks of 1 pixel": fine,
        "checks of 4 pixels": coarse,
        "gradient": gradient,
        "an image": image,
        "shifted by a pixel": np.roll(image, 1, axis=1),
    }


def _checkerboard(side: int) -> np.ndarray:
    place = np.arange(32) // side
    light = (place[:, None] + place) % 2
    return np.repeat((light * 255).astype(np.uint8)[:, :, None], 3, axis=2)
