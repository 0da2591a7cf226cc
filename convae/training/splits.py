"""Which images a run is trained on and which it is validated on."""

from collections.abc import Callable

import numpy as np

from convae import data
from convae.config import TrainConfig
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.wording import counted


def split_off_validation(images: ImageSet, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """(train, validation): 2 % of the training images, 1 to 1,000 of them, are never trained on.

    The best epoch is chosen on them, so the test split stays untouched. Which ones does not depend
    on the run's seed: two runs can be compared.
    """
    count = min(max(len(images) // 50, 1), 1000)
    order = np.random.default_rng(seed).permutation(len(images))
    return images.take(np.sort(order[count:])), images.take(np.sort(order[:count]))


def load_images(
    config: TrainConfig, progress: Callable[[int, int | None, str], object] | None = None
) -> tuple[ImageSet, ImageSet, ImageSet]:
    """(the training split; the images trained on, as many as `limit`; the validation images).

    ConvaeError where the split has fewer than 3 images.
    """
    split = data.load(config.data.spec, "train", progress)
    if len(split) < 3:
        raise ConvaeError(
            f"{counted(len(split), 'training image')}: too few. At least 3 are needed."
        )
    training, validation = split_off_validation(split)
    if config.data.limit and config.data.limit < len(training):
        order = np.random.default_rng(config.seed).permutation(len(training))
        training = training.take(np.sort(order[: config.data.limit]))
    return split, training, validation
