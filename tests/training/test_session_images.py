"""Which images a run learns from, starts from and is measured on."""

from dataclasses import replace

import numpy as np
import pytest

from convae import data, limits, runs
from convae.data import ImageSet
from convae.evaluation import metrics
from convae.evaluation.pca import fit_pca
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.runs import resuming
from convae.training import initial_weights, reference_levels, session, splits
from convae.training.reports import Event
from convae.training.trainer import Trainer
from tests.support import cards

SETTINGS = {"spec": "shapes", "architecture": "residual", "base_channels": 8, "latent_dim": 8,
            "batch_size": 16, "epochs": 1, "device": "cpu"}  # fmt: skip


def image_set(count=60, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)
    labels = np.zeros(count, np.int64)
    return ImageSet(images, labels, ("all",), "train", "noise", f"noise{count}x{seed}")


@pytest.fixture
def noise(monkeypatch, tmp_path):
    """A set in which every image has directions of its own, in place of the one asked for."""
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVAE_RUNS_DIR", str(tmp_path / "runs"))
    sets = {"train": image_set()}
    monkeypatch.setattr(data, "load", lambda spec, split="test", progress=None: sets[split])
    monkeypatch.setattr(data, "splits", lambda spec: tuple(sets))
    return sets


@pytest.mark.parametrize("limit", [0, 20])
def test_a_residual_model_starts_from_the_pca_of_the_images_it_is_trained_on(noise, limit):
    config = from_flat(SETTINGS | {"limit": limit})
    _, kept, held = splits.load_images(config)
    assert len(kept) == (limit or 59)
    trainer = Trainer.create(
        config, kept.images, held.images,
        lambda model: initial_weights.initialize(model, config, kept),
    )  # fmt: skip
    expected = fit_pca(kept.images, 8)
    whole = fit_pca(noise["train"].images, 8)
    started = trainer.validate()[1]
    assert started == pytest.approx(_psnr(expected, held), abs=0.01)
    assert started < _psnr(whole, held) - 0.1


def _psnr(pca, held):
    return metrics.set_psnr(held.images, pca.reconstruct(held.images, 8))


@pytest.mark.parametrize("limit", [0, 20])
def test_the_reference_level_is_that_of_the_images_of_the_run(noise, limit):
    run = runs.claim(from_flat(SETTINGS | {"limit": limit}), "levels")
    assert session.TrainingSession(run).execute().state == "done"
    _, kept, held = splits.load_images(run.config())
    expected = _psnr(fit_pca(kept.images, 8), held)
    assert reference_levels.read(run.path)["PCA, 8 values"]["psnr"] == pytest.approx(
        expected, abs=1e-3
    )


def test_reference_levels_are_measured_again_when_the_images_of_a_resumed_run_have_changed(noise):
    run = runs.claim(from_flat(SETTINGS), "again")
    session.TrainingSession(run).execute()
    before = reference_levels.read(run.path)
    session.TrainingSession(run).execute()
    assert reference_levels.read(run.path) == before
    noise["train"] = image_set(80, 1)
    session.TrainingSession(run).execute()
    _, kept, held = splits.load_images(run.config())
    expected = _psnr(fit_pca(kept.images, 8), held)
    assert reference_levels.read(run.path)["PCA, 8 values"]["psnr"] == pytest.approx(
        expected, abs=1e-3
    )
    assert checkpoints.load(str(run.path))


def test_a_run_on_black_images_ends_as_done_with_a_finite_psnr(noise):
    noise["train"] = replace(image_set(), images=np.zeros((60, 32, 32, 3), np.uint8))
    run = runs.claim(from_flat(SETTINGS), "black")
    assert session.TrainingSession(run).execute().state == "done"
    assert run.history()[0]["val_psnr"] <= metrics.EXACT_DB
    assert reference_levels.read(run.path)["PCA, 8 values"]["psnr"] == metrics.EXACT_DB


def test_an_unexpected_error_ends_a_run_as_failed(noise, monkeypatch):
    monkeypatch.setattr(session, "fit", lambda *_: 1 / 0)
    run = runs.claim(from_flat(SETTINGS), "broken")
    with pytest.raises(ZeroDivisionError):
        session.TrainingSession(run).execute()
    assert run.status().state == "failed" and "ZeroDivisionError" in run.status().message


def test_the_status_of_a_paused_run_is_that_of_the_moment_of_the_pause(noise, monkeypatch):
    run, fit, seen = runs.claim(from_flat(SETTINGS), "paused"), session.fit, []

    def paused_first(trainer, requests):
        trainer.elapsed_s = 7.0
        yield Event(1, 3, "paused")
        seen.append(run.status())
        yield from fit(trainer, requests)

    monkeypatch.setattr(session, "fit", paused_first)
    with runs.working_on(run):
        session.TrainingSession(run).execute()
    (status,) = seen
    assert (status.state, status.epoch, status.step, status.elapsed_s) == ("paused", 1, 3, 7.0)


def test_shipped_models_are_compared_on_the_validation_images_of_the_run(tiny_data, add_checkpoint):
    folder = add_checkpoint("same-classes", spec=tiny_data)
    with cards.edited(folder) as card:
        card["classes"] = ["dark", "bright"]
    with cards.edited(add_checkpoint("denoiser", spec=tiny_data)) as card:
        card["classes"] = ["dark", "bright"]
        card["config"]["noise_std"] = 0.2
    add_checkpoint("other-classes")
    changes = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=1)
    config = from_flat(changes | {"spec": tiny_data, "limit": 60})
    run = runs.claim(config)
    assert session.TrainingSession(run).execute().state == "done"
    levels = reference_levels.read(run.path)
    assert set(levels) == {"PCA, 4 values", "same-classes, 8 values"}
    _, _, held = splits.load_images(config)
    rebuilt = checkpoints.load("same-classes").reconstruct(held.images)
    assert levels["same-classes, 8 values"] == pytest.approx(
        reference_levels.level("mse", held.images, [rebuilt])
    )


def test_a_shipped_model_with_damaged_weights_ends_no_run(tiny_data, add_checkpoint):
    folder = add_checkpoint("same-classes", spec=tiny_data)
    with cards.edited(folder) as card:
        card["classes"] = ["dark", "bright"]
    (folder / "model.safetensors").write_bytes(b"cut short")
    changes = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=1)
    run = runs.claim(from_flat(changes | {"spec": tiny_data, "limit": 60}))
    assert session.TrainingSession(run).execute().state == "done"
    assert set(reference_levels.read(run.path)) == {"PCA, 4 values"}


def test_the_limit_on_training_time_is_named_and_a_resumed_run_adds_no_epoch(noise, monkeypatch):
    run = runs.claim(from_flat(SETTINGS | {"epochs": 2}), "limited")
    assert session.TrainingSession(run).execute().state == "done"
    longer = from_flat(SETTINGS | {"epochs": 4})
    resuming.prepare(run, longer)
    monkeypatch.setenv("CONVAE_MAX_MINUTES", "1")
    monkeypatch.setattr(limits, "out_of_time", lambda elapsed_s: elapsed_s > 0)
    status = session.TrainingSession(run).execute()
    assert status.state == "stopped"
    assert status.message == "Stopped: this server trains for at most 1 minute."
    assert len(run.history()) == 2
