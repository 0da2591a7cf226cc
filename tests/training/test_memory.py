"""What a training on the CPU takes of the machine's memory, measured from outside."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CIFAR10_MB = 50_000 * 3072 / 2**20


def test_a_training_on_50_000_images_stays_below_1_2_gb_beyond_torch(tmp_path):
    count = 4_000  # the images of a whole set are counted in: as they lie, and those trained on
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "some.npz", train_images=images, test_images=images[:600])
    # by a small process of its own: one that the tests started would count what they hold
    asked = ["--data", f"npz:{tmp_path}/some.npz", "--only", "classic", "--seconds", "1"]
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *asked],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    beyond = int(re.search(r"^classic +[\d,]+ +([\d,]+)$", output, re.M)[1].replace(",", ""))
    assert 100 < beyond < 1_200 - 2 * CIFAR10_MB
