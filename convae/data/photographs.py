"""The image set `photos`: crops of the color photographs that scikit-learn and scikit-image ship.

The middle third of each photograph is for the test split alone, so no region is in both splits.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

# class name -> (package, file in it)
FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
}
SIZES = (32, 48, 64, 96, 128, 192)  # width of a crop in pixels, before it is scaled to 32
CROPS_PER_SIZE = {"train": 100, "test": 40}  # at most, of each photograph
STEP = 8  # pixels of the scaled photograph between places for crops
MIN_CONTRAST = 24.0  # standard deviation of the channel with the highest contrast, of 255

Progress = Callable[[int, int, str], None]


def photographs() -> dict[str, np.ndarray]:
    """Class name -> photograph uint8 (H, W, 3). Nothing is downloaded."""
    return {name: _read(*place) for name, place in FILES.items()}


def _read(package: str, path: str) -> np.ndarray:
    """A picture of a package that is not imported for it: that of scikit-learn takes over 1 s."""
    with Image.open(Path(find_spec(package).origin).parent / path) as picture:
        return np.asarray(picture.convert("RGB"))


def photos(
    split: str, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Square crops of ten photographs, 32 to 192 pixels wide, scaled to 32x32.

    Returns images uint8 (N, 32, 32, 3), labels int64 (N,) and the class names: one class for each
    photograph. Crops with little contrast (sky, darkness) are left out. The crops and their order
    are the same every time.
    """
    result = photographs()
    crops: list[np.ndarray] = []
    labels: list[int] = []
    for label, (name, photo) in enumerate(result.items()):
        rng = np.random.default_rng([label, ("train", "test").index(split)])
        for size in SIZES:
            crops += _crops(photo_regions(photo, split), size, CROPS_PER_SIZE[split], rng)
        labels += [label] * (len(crops) - len(labels))
        if progress:
            progress(label + 1, len(result), f"cropping photographs: {name}")
    order = np.random.default_rng(0).permutation(len(crops))
    return np.stack(crops)[order], np.array(labels, np.int64)[order], tuple(result)


def photo_regions(photo: np.ndarray, split: str) -> list[np.ndarray]:
    """The parts of a photograph uint8 (H, W, 3) that belong to a split, as views of it."""
    left, right = photo.shape[1] // 3, photo.shape[1] * 2 // 3
    if split == "test":
        return [photo[:, left:right]]
    return [photo[:, :left], photo[:, right:]]


def _crops(
    regions: list[np.ndarray], size: int, most: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """At most `most` crops, uint8 (32, 32, 3) each, that are `size` pixels wide in the photograph:
    the regions are scaled by 32 / size and cut at random places of a grid. A region that is
    narrower than `size` has no crop."""
    scaled = [_scaled(region, 32 / size) for region in regions]
    places = [
        (number, top, left)
        for number, region in enumerate(scaled)
        for top in range(0, region.shape[0] - 31, STEP)
        for left in range(0, region.shape[1] - 31, STEP)
    ]
    crops: list[np.ndarray] = []
    for place in rng.permutation(len(places)):
        number, top, left = places[place]
        crop = scaled[number][top : top + 32, left : left + 32]
        if _contrast(crop) >= MIN_CONTRAST:
            crops.append(crop)
        if len(crops) == most:
            break
    return crops


def _contrast(crop: np.ndarray) -> float:
    """The largest standard deviation of a channel of uint8 (H, W, 3). As `numpy.std`, in an eighth
    of its time: 12,000 crops are looked at. All sums are whole numbers below 2^53, so exact."""
    channels = np.ascontiguousarray(crop.transpose(2, 0, 1)).reshape(3, -1).astype(np.float64)
    count, sums = channels.shape[1], channels.sum(axis=1)
    squares = np.einsum("ci,ci->c", channels, channels)
    return float(np.sqrt((count * squares - sums**2).max()) / count)


def _scaled(region: np.ndarray, factor: float) -> np.ndarray:
    height, width = (int(side * factor) for side in region.shape[:2])
    if min(height, width) < 32:
        return np.empty((0, 0, 3), np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(region))
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
