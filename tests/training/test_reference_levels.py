import math

import numpy as np
import pytest
import torch

from convae.evaluation import metrics
from convae.evaluation.pca import fit_pca
from convae.training import reference_levels
from convae.training.optim import loss_of


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(60, 1, 1, 3)) * 30 + rng.normal(size=(60, 32, 32, 3)) * 20 + 128).clip(
        0, 255
    ).astype(np.uint8)  # fmt: skip


@pytest.mark.parametrize("loss", ["mse", "l1", "bce"])
def test_levels_are_measured_as_the_trainer_measures(images, loss):
    pca = fit_pca(images, 8)
    levels = reference_levels.measure(loss, 4, pca, images)
    rebuilt = pca.reconstruct(images, 4)
    level = levels["PCA, 4 values"]
    assert level["psnr"] == pytest.approx(metrics.set_psnr(images, rebuilt))
    x, y = (torch.from_numpy(a.astype(np.float32) / 255) for a in (images, rebuilt))
    wanted = loss_of(loss, y.clamp(1e-4, 1 - 1e-4) if loss == "bce" else y, x).item()
    assert level["loss"] == pytest.approx(wanted, rel=1e-4)
    assert (reference_levels.FLOOR in levels) == (loss == "bce")
    if loss == "bce":
        assert levels[reference_levels.FLOOR]["loss"] < level["loss"]


def test_levels_come_back_as_they_were_written(tmp_path):
    levels = {"PCA, 4 values": {"psnr": 20.0, "loss": 0.01}}
    reference_levels.write(tmp_path, levels)
    assert reference_levels.read(tmp_path) == levels
    (tmp_path / "rungs.json").write_text('{"a": 3, "b": {"psnr": "high"}}')
    assert (
        reference_levels.read(tmp_path) == {"b": {}}
        and reference_levels.read(tmp_path / "none") == {}
    )


LEVELS = {
    "PCA, 4 values": {"psnr": 20.0},
    reference_levels.FLOOR: {"loss": 0.5},
    "gem": {"psnr": 30.0},
}


def test_a_rung_is_passed_at_the_first_epoch_above_it():
    history = [{"epoch": e, "val_psnr": p} for e, p in ((1, 19.0), (2, 20.5), (3, 19.5))]
    assert reference_levels.passed(history, LEVELS) == {"PCA, 4 values": 2, "gem": None}
    assert reference_levels.sentence(history, LEVELS) == (
        "Above PCA, 4 values (20.00 dB) since epoch 2. 9.50 dB below gem (30.00 dB)."
    )


def test_nothing_is_passed_before_the_first_epoch():
    assert reference_levels.sentence([], LEVELS) == ""
    assert reference_levels.passed([{"epoch": 1, "val_psnr": -math.inf}], LEVELS)["gem"] is None
