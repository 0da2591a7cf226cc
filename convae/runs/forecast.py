"""How long a run will take, its end included: pure arithmetic on measured speeds."""

TEST_IMAGES = 10_000  # the test figures are measured on this many at most


def evaluation_s(training_images_per_s: float, refinement_steps: int) -> float:
    """Seconds to reconstruct one image, from the speed of training, until it has been measured.

    A training step is three forward passes long, a pass through the decoder half of one. Refinement
    decodes steps + 2 times and takes as many gradients through the decoder as there are steps.
    """
    passes = 1 + (refinement_steps + 1 if refinement_steps else 0)
    return passes / 3 / max(training_images_per_s, 1e-9)


def after_training_s(per_image_s: float, epochs: int, per_epoch: int, test: int) -> float:
    """Seconds for all but the training steps: `epochs` times the `per_epoch` images that validation
    and snapshot take, then the figures of `test` images; `per_image_s` to reconstruct one."""
    return per_image_s * (epochs * per_epoch + min(test, TEST_IMAGES))
