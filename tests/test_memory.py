"""What a training on the CPU takes of the machine's memory, measured from outside."""

import numpy as np

from benchmarks.memory import import_torch_mb, training_mb

CIFAR10_MB = 50_000 * 3072 / 2**20


def test_a_training_on_50_000_images_stays_below_1_2_gb_beyond_torch(tmp_path):
    count = 4_000  # the images of a whole set are counted in: as they lie, and those trained on
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "some.npz", train_images=images, test_images=images[:600])
    asked = ["--data", f"npz:{tmp_path}/some.npz", "--arch", "classic", "--latent-dim", "256"]
    peak = training_mb([*asked, "--time-budget-s", "1"], tmp_path)
    assert 100 < peak - import_torch_mb() < 1_200 - 2 * CIFAR10_MB
