"""The image set `sample`: the first 20 CIFAR-10 test images, which travel with the package."""

from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
CLASS_NAMES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())


def sample() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images uint8 (20, 32, 32, 3), labels int64 (20,), the class names of CIFAR-10. Two of the ten
    classes, bird and deer, have no image among the first 20."""
    paths = sorted(FOLDER.glob("*.png"))
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    names = [path.stem.split("-")[1] for path in paths]
    return images, np.array([CLASS_NAMES.index(name) for name in names], np.int64), CLASS_NAMES
