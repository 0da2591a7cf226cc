"""Every test works in folders of its own, with one thread: many small matrices, few cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test reads or writes the user's runs, data or caches."""
    for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE"):
        monkeypatch.setenv(f"CONVAE_{name}_DIR", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def tiny_data(tmp_path):
    """SPEC of 160 training and 24 test images of two classes: bright or dark squares on grey."""
    rng = np.random.default_rng(0)

    def squares(count):
        images = np.full((count, 32, 32, 3), 110, np.uint8)
        labels = rng.integers(0, 2, count)
        for image, label in zip(images, labels, strict=True):
            x, y = rng.integers(0, 18, 2)
            image[y : y + 14, x : x + 14] = rng.integers(0, 80, 3) + 160 * label
        return images, labels

    train, test = squares(160), squares(24)
    path = tmp_path / "tiny.npz"
    np.savez(
        path, train_images=train[0], train_labels=train[1], test_images=test[0],
        test_labels=test[1], class_names=np.array(["dark", "bright"]),
    )  # fmt: skip
    return f"npz:{path}"
