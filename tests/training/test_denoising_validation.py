"""A run with noise on its input is validated as a denoiser: noisy input, clean target."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convae import __main__ as cli
from convae import records, runs
from convae.data import corrupt
from convae.errors import ConfigError
from convae.evaluation import metrics
from convae.evaluation.pca import fit_pca
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.plots import training
from convae.progress import Bars
from convae.training import noise, reference_levels
from convae.training.loop import Ended, EpochRecord, Event, fit
from convae.training.reproducible import seed_everything
from convae.training.trainer import Trainer

SMALL = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=3)


def smooth(count, seed=0):
    """Images of one color each: whoever averages their pixels removes noise."""
    colors = np.random.default_rng(seed).integers(60, 200, (count, 1, 1, 3))
    return np.broadcast_to(colors, (count, 32, 32, 3)).astype(np.uint8)


def trainer_of(cls=Trainer, **changes):
    config = from_flat(SMALL | {"noise_std": 0.2} | changes)
    seed_everything(config.seed)
    return cls.create(config, smooth(32), smooth(12, 1))


class Copies(nn.Module):
    """Perfect on clean images, and keeps all noise."""

    def forward(self, x):
        return x


class Blurs(nn.Module):
    """Darkens a little, so it errs on clean images; removes most noise."""

    def forward(self, x):
        return F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False) - 0.02


class Staged(Trainer):
    """Its delivered model copies at the end of epoch 1, and blurs at the end of the others."""

    @property
    def result(self):
        return Copies() if self.epoch == 0 else Blurs()


def ended_and_best(trainer):
    items = list(fit(trainer))
    assert isinstance(items[-1], Ended)
    epochs = [item for item in items if isinstance(item, EpochRecord)]
    best = max(epochs, key=lambda record: record.val_psnr)
    assert best.val_psnr == trainer.best_psnr
    return len(epochs), best.epoch, items[-1].message


def test_best_epoch_and_early_stopping_go_by_the_denoising_psnr():
    assert ended_and_best(trainer_of(Staged, noise_std=0.0, patience=1))[:2] == (2, 1)
    epochs, best, _ = ended_and_best(trainer_of(Staged, epochs=2, patience=1))
    assert (epochs, best) == (2, 2)
    epochs, best, message = ended_and_best(trainer_of(Staged, epochs=9, patience=1))
    assert (epochs, best) == (3, 2) and "Early stopping" in message  # epoch 3 is as good as 2


def test_validation_gives_the_same_digits_each_time_and_leaves_the_generators_alone():
    trainer = trainer_of()
    trainer.order()
    before = torch.get_rng_state(), trainer.batches.generator.get_state()
    first = trainer.validate()
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], trainer.batches.generator.get_state())
    torch.manual_seed(5)
    np.random.seed(5)
    trainer.epoch = 2
    trainer.order()
    assert trainer.validate() == first
    assert trainer_of().validate() == first


def test_the_denoising_psnr_is_of_noisy_input_and_clean_target():
    clean = smooth(12, 1)
    noisy = corrupt(clean, "gaussian", 51)
    psnr = trainer_of(Staged).validate()[1]
    assert psnr == pytest.approx(metrics.set_psnr(clean, noisy), abs=1e-3)
    assert trainer_of(Staged, noise_std=0.0).validate()[1] == metrics.EXACT_DB


def test_the_reference_level_gets_the_same_noisy_input():
    clean, pca = smooth(12, 1), fit_pca(smooth(60, 2), 4)
    level = reference_levels.measure("mse", 3, pca, clean, [noise.noisy(clean, 0.2)])[
        "PCA, 3 values"
    ]
    rebuilt = pca.reconstruct(trainer_of().validation.inputs[0].numpy(), 3)
    assert level["psnr"] == metrics.set_psnr(clean, rebuilt)
    assert level["psnr"] < reference_levels.measure("mse", 3, pca, clean)["PCA, 3 values"]["psnr"]


def test_a_resume_keeps_the_best_to_the_last_digit_and_an_older_state_is_measured_again():
    first = trainer_of()
    kept = []
    for item in fit(first):
        if isinstance(item, EpochRecord) and item.epoch == 1:
            kept.append(first.state())
            break
    again, older = trainer_of(), trainer_of()
    again.restore(kept[0])
    assert again.best_psnr == first.best_psnr and not again.remeasured
    assert not [item for item in fit(again) if isinstance(item, Event)]
    state = {k: v for k, v in kept[0].items() if k != "val_noise"}
    older.restore(state | {"best_psnr": 99.0, "bad_epochs": 2})
    assert older.best_psnr == older.validate()[1] < 50 and older.bad_epochs == 0
    assert [i.what for i in fit(older) if isinstance(i, Event)] == ["denoising PSNR from here"]
    plain, plain_later = trainer_of(noise_std=0.0), trainer_of(noise_std=0.0)
    state = {k: v for k, v in plain.state().items() if k != "val_noise"}
    plain_later.restore(state | {"best_psnr": 99.0, "bad_epochs": 2})
    assert (plain_later.best_psnr, plain_later.bad_epochs) == (99.0, 2)


def test_a_run_records_the_noise_in_history_card_and_reference_levels(tiny_data):
    asked = ["train", "--data", tiny_data, "--name", "a", "--epochs", "2", "--noise-std", "0.25"]
    asked += ["--arch", "strided", "--base-channels", "8", "--latent-dim", "4", "--quiet"]
    assert cli.main(asked) == 0
    run = runs.get("a")
    assert [row["val_noise"] for row in run.history()] == [0.25, 0.25]
    card = json.loads((run.path / "card.json").read_text())
    assert card["metrics"]["val_noise"] == 0.25
    assert checkpoints.load("a").card.metrics["val_noise"] == 0.25
    assert reference_levels.images_of(run.path).endswith("noise 0.25")


ROWS = [{"epoch": 1, "val_psnr": 30.0}, {"epoch": 2, "val_psnr": 20.0, "val_noise": 0.2},
        {"epoch": 3, "val_psnr": 21.0, "val_noise": 0.2}]  # fmt: skip


def test_epochs_measured_otherwise_are_not_compared():
    assert records.comparable(ROWS) == ROWS[1:] and records.comparable(ROWS[:1]) == ROWS[:1]
    assert records.comparable([]) == []
    levels = {"PCA, 4 values": {"psnr": 20.5}, "gem": {"psnr": 25.0}}
    assert reference_levels.passed(ROWS, levels) == {"PCA, 4 values": 3, "gem": None}
    assert reference_levels.sentence(ROWS, levels) == (
        "Denoising PSNR at noise 0.2: Above PCA, 4 values (20.50 dB) since epoch 3. "
        "4.00 dB below gem (25.00 dB)."
    )


def test_axis_and_command_line_name_the_denoising_psnr(monkeypatch):
    titles = json.dumps(training.spec(noise=0.2))
    assert "Denoising PSNR at noise 0.2 (dB)" in titles
    assert "enoising" not in json.dumps(training.spec())
    lines = []
    monkeypatch.setattr("tqdm.tqdm.write", lines.append)
    record = EpochRecord(1, 2, 0.1, 0.1, 20.0, 1e-3, 100.0, 1.0, 1.0, 0.2)
    Bars(False).train(record)
    Bars(False).train(replace(record, val_noise=0.0))
    assert ", denoising PSNR at noise 0.2 20.00 dB," in lines[0]
    assert ", PSNR 20.00 dB," in lines[1]


def test_each_image_gets_noise_of_its_own_strength_within_the_range():
    x = torch.full((64, 3, 32, 32), 0.5)
    config = from_flat(SMALL | {"noise_std": 0.1, "noise_range": True})
    made = [
        noise.corrupted_batch(x, config, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
    spread = (made[0] - x).flatten(1).std(dim=1)
    assert spread.max() < 0.105 and spread.min() < 0.01  # 3,072 values: within 5 % of sigma
    drawn = noise.sigmas(50_000, 0.3, torch.Generator().manual_seed(0))
    assert drawn.min() >= 0 and drawn.max() <= 0.3
    assert drawn.mean() == pytest.approx(0.15, abs=0.002)
    assert drawn.std() == pytest.approx(0.3 / 12**0.5, abs=0.002)


@pytest.mark.parametrize("kind", ["gaussian", "speckle"])
def test_noise_on_batches_and_on_images_is_the_same_kind(kind):
    levels = np.repeat(np.uint8([51, 153]), 500)[:, None, None, None]
    images = np.broadcast_to(levels, (1000, 32, 32, 3)).copy()
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    config = from_flat(SMALL | {"noise_std": 0.1, "corruption": kind})
    batch = noise.corrupted_batch(x, config, torch.Generator().manual_seed(0)).numpy()
    noisy = noise.noisy(images, 0.1, kind) / 255
    for half, level in ((slice(500), 0.2), (slice(500, None), 0.6)):
        wanted = 0.1 * (level if kind == "speckle" else 1)
        for made in (batch[half], noisy[half]):
            assert made.mean() == pytest.approx(level, abs=2e-3)
            assert made.std() == pytest.approx(wanted, rel=0.05)


def test_a_range_is_validated_at_the_fixed_levels_that_it_includes():
    def levels(**changes):
        return noise.validation_sigmas(from_flat(SMALL | changes))

    assert levels() == ()
    assert levels(noise_std=0.3) == (0.3,)
    assert levels(noise_std=0.3, noise_range=True) == (25 / 255, 50 / 255)
    assert levels(noise_std=0.15, noise_range=True) == (25 / 255,)
    assert levels(noise_std=0.05, noise_range=True) == (0.05,)


def test_the_validation_of_a_range_is_the_mean_over_its_levels():
    clean = smooth(12, 1)
    trainer = trainer_of(Staged, noise_std=0.3, noise_range=True)
    psnrs = [metrics.set_psnr(clean, noise.noisy(clean, s)) for s in noise.FIXED_SIGMAS]
    assert trainer.validate()[1] == pytest.approx(np.mean(psnrs), abs=1e-3)
    assert trainer.state()["val_noise"] == pytest.approx(37.5 / 255)
    inputs = noise.validation_inputs(clean, trainer.config)
    level = reference_levels.level("mse", clean, inputs)
    assert level["psnr"] == pytest.approx(np.mean(psnrs), abs=1e-3)


def test_a_range_without_noise_is_refused():
    with pytest.raises(ConfigError, match="`noise_range` needs `noise_std` above 0"):
        from_flat({"noise_range": True})


@pytest.mark.parametrize("kind", ["gaussian", "speckle"])
def test_a_denoiser_of_a_range_resumes_bit_for_bit(kind):
    changes = dict(noise_std=0.3, noise_range=True, corruption=kind, epochs=3)
    straight, states = trainer_of(**changes), []
    for item in fit(straight):
        if isinstance(item, EpochRecord) and item.epoch == 1:
            buffer = io.BytesIO()
            torch.save(straight.state(), buffer)
            states.append(buffer.getvalue())
    torch.manual_seed(99)
    later = trainer_of(**changes)
    later.restore(torch.load(io.BytesIO(states[0]), weights_only=True))
    assert [r.epoch for r in fit(later) if isinstance(r, EpochRecord)] == [2, 3]
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, later.model.state_dict()[name]), name
