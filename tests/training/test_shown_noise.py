"""A denoising run shows its noisy test images and what it makes of them after every epoch."""

import numpy as np

from convae import runs
from convae.evaluation import metrics
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.runs import snapshots
from convae.training import noise, session
from convae.ui.components import epoch_slider

SMALL = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=2)


def trained(spec, name="", **changes):
    run = runs.claim(from_flat(SMALL | {"spec": spec} | changes), name)
    assert session.TrainingSession(run).execute().state == "done"
    return run


def test_snapshots_of_a_run_with_noise_keep_the_noisy_images_and_the_restored_ones(tiny_data):
    run = trained(tiny_data, noise_std=0.2)
    folder = run.path / "snapshots"
    clean, noisy = snapshots.pinned(folder)[0], snapshots.noisy(folder)
    assert np.array_equal(noisy, noise.shown_inputs(clean, run.config()))
    assert abs((noisy.astype(float) - clean)[:, 8:24, 8:24].std() / 255 - 0.2) < 0.1
    last = max(run.history(), key=lambda row: row["val_psnr"])["epoch"]
    restored = checkpoints.load(str(run.path)).reconstruct(noisy)
    rebuilt = snapshots.read(folder, last).rebuilt.astype(int)
    assert np.abs(rebuilt - restored).max() <= 1
    assert run.id == "strided-4-noise-1"


def test_a_run_without_noise_keeps_none(tiny_data):
    run = trained(tiny_data)
    assert snapshots.noisy(run.path / "snapshots") is None and "noise" not in run.id


def test_a_random_level_becomes_stronger_from_image_to_image_and_is_the_same_each_time():
    images = np.full((4, 32, 32, 3), 128, np.uint8)
    config = from_flat(SMALL | dict(noise_std=0.2, noise_range=True))
    noisy = noise.shown_inputs(images, config)
    spread = noisy.reshape(4, -1).std(axis=1) / 255
    assert np.allclose(spread, [0.05, 0.1, 0.15, 0.2], atol=0.01)
    assert np.array_equal(noisy, noise.shown_inputs(images, config))


def test_the_slider_gets_both_rows_and_their_psnr(tiny_data):
    run = trained(tiny_data, noise_std=0.2)
    folder = run.path / "snapshots"
    shown = epoch_slider._pinned(str(folder), 1)
    frame = epoch_slider._frame(str(folder), 2, 1)
    clean = snapshots.pinned(folder)[0]
    assert shown["noisy"] != shown["original"]
    assert shown["noisy_psnr"] == round(metrics.set_psnr(clean, snapshots.noisy(folder)), 2)
    assert frame["psnr"] == round(metrics.set_psnr(clean, snapshots.read(folder, 2).rebuilt), 2)
    with np.load(folder / "pinned.npz") as file:
        old = {name: file[name] for name in file.files if name != "noisy"}
    np.savez(folder / "pinned.npz", **old)  # as an older version wrote it
    assert "noisy" not in epoch_slider._pinned(str(folder), 2)
    assert "psnr" not in epoch_slider._frame(str(folder), 2, 2)
