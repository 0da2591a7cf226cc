"""The time left includes what follows the steps."""

import numpy as np
import pytest

from convae.flat_config import from_flat
from convae.runs import forecast
from convae.training import loop
from convae.training.trainer import Trainer


def test_the_time_left_includes_validation_snapshots_and_the_test_images():
    config = from_flat({"architecture": "strided", "base_channels": 8, "latent_dim": 4,
                        "batch_size": 8, "epochs": 5, "refinement_steps": 4})  # fmt: skip
    images = np.zeros((16, 32, 32, 3), np.uint8)
    trainer = Trainer.create(config, images, images[:4])
    trainer.step, trainer.test_images = 6, 10_000
    steps_s = (10 - 6) * 8 / 20.0
    unmeasured = loop.progress_of(trainer, 0.1, 20.0).remaining_s
    others = 2 * (4 + 508) + 10_000
    assert unmeasured == pytest.approx(steps_s + others * forecast.evaluation_s(20.0, 4))
    trainer.evaluation_s = 0.004  # measured: refinement included
    assert loop.progress_of(trainer, 0.1, 20.0).remaining_s == pytest.approx(
        steps_s + others * 0.004
    )


def test_the_cost_of_an_image_is_measured_by_the_validation(monkeypatch):
    config = from_flat({"architecture": "strided", "base_channels": 8, "latent_dim": 4})
    images = np.zeros((4, 32, 32, 3), np.uint8)
    trainer = Trainer.create(config, images, images)
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("convae.training.trainer.time.perf_counter", lambda: next(clock))
    trainer.validate()
    assert trainer.evaluation_s == 0.5
