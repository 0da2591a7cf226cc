import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from convae.errors import ConfigError
from convae.flat_config import from_flat
from convae.models import devices
from convae.training import batches, epoch_sums, loop
from convae.training import trainer as trainer_module
from convae.training.loop import Ended, EpochRecord, Event, Requests, fit
from convae.training.optim import loss_of
from convae.training.reproducible import seed_everything
from convae.training.schedule import learning_rate_share
from convae.training.trainer import Trainer

SMALL = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=2)


def blobs(count, seed=0):
    """Images one can learn: a bright square somewhere on gray."""
    rng = np.random.default_rng(seed)
    images = np.full((count, 32, 32, 3), 90, np.uint8)
    for image in images:
        x, y = rng.integers(0, 20, 2)
        image[y : y + 12, x : x + 12] = rng.integers(0, 256, 3)
    return images


def trainer_of(config, images, validation):
    seed_everything(config.seed)
    return Trainer.create(config, images, validation)


def trained(**changes):
    trainer = trainer_of(from_flat(SMALL | changes), blobs(64), blobs(16, 1))
    return trainer, list(fit(trainer))


def records(items):
    return [item for item in items if isinstance(item, EpochRecord)]


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.result.parameters()])


@pytest.mark.parametrize(
    "changes",
    [
        dict(loss="mse", optimizer="adamw"),
        dict(loss="l1", optimizer="adam", schedule="cosine"),
        dict(loss="bce", optimizer="adam", architecture="classic", learning_rate=3e-3),
        dict(loss="mse", optimizer="sgd", learning_rate=0.3),
        dict(loss="bce", architecture="residual", learning_rate=1e-3),
        dict(noise_std=0.1, ema_decay=0.8, schedule="constant"),
        dict(precision="bf16"),
    ],
    ids=lambda c: "-".join(map(str, c.values())),
)
def test_every_recipe_learns(changes):
    trainer, items = trained(**changes | {"epochs": 6})
    found = records(items)
    assert found[-1].val_loss < found[0].val_loss
    assert items[-1].state == "done" and [r.epoch for r in found] == [1, 2, 3, 4, 5, 6]
    assert found[-1].step == 24 and found[-1].images_per_s > 0 and found[-1].memory_mb > 50


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    first, again, other = trained()[0], trained()[0], trained(seed=1)[0]
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("extra", [{}, {"ema_decay": 0.9}, {"noise_std": 0.2, "optimizer": "sgd"}])
@pytest.mark.parametrize("architecture", ["classic", "residual"])
def test_resume_equals_the_straight_run_bit_for_bit(extra, architecture):
    config = from_flat(SMALL | extra | {"epochs": 4, "architecture": architecture})
    straight = trainer_of(config, blobs(64), blobs(16, 1))
    states = []
    for item in fit(straight):
        if isinstance(item, EpochRecord) and item.epoch == 2:
            import io

            kept = io.BytesIO()
            torch.save(straight.state(), kept)
            states.append(kept.getvalue())
    torch.manual_seed(99)  # whatever happened between the two sessions
    later = trainer_of(config, blobs(64), blobs(16, 1))
    later.restore(torch.load(io.BytesIO(states[0]), weights_only=True))
    assert [r.epoch for r in records(fit(later))] == [3, 4]
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, later.model.state_dict()[name]), name
    assert torch.equal(weights(straight), weights(later))


def test_stop_ends_within_the_epoch_and_counts_it():
    trainer = trainer_of(from_flat(SMALL | {"epochs": 500}), blobs(64), blobs(16, 1))
    asked = iter([Requests(), Requests(stop=True)])
    items = list(fit(trainer, lambda: next(asked, Requests(stop=True))))
    assert items[-1].state == "stopped" and len(records(items)) < 500


def test_a_stop_between_two_epochs_validates_and_counts_nothing():
    trainer = trainer_of(from_flat(SMALL | {"epochs": 500}), blobs(64), blobs(16, 1))
    items = []
    for item in fit(trainer, lambda: Requests(stop=bool(records(items)))):
        items.append(item)
    assert [record.epoch for record in records(items)] == [1] and trainer.epoch == 1
    assert items[-1] == Ended("stopped", "Stopped on request after epoch 1.")


def test_a_stop_before_the_first_step_validates_nothing(monkeypatch):
    trainer = trainer_of(from_flat(SMALL), blobs(64), blobs(16, 1))
    monkeypatch.setattr(trainer, "validate", lambda: pytest.fail("nothing was trained"))
    (ended,) = fit(trainer, lambda: Requests(stop=True))
    assert ended == Ended("stopped", "Stopped on request before the first step.")
    assert trainer.epoch == 0


def test_pause_waits_and_learning_rate_changes_at_once(monkeypatch):
    monkeypatch.setattr(loop, "TICK_S", 0.0)
    requested = iter(
        [Requests(), Requests(pause=True), Requests(pause=True), Requests(learning_rate=1e-5)]
    )
    trainer = trainer_of(from_flat(SMALL | {"schedule": "constant"}), blobs(64), blobs(16, 1))
    items = list(fit(trainer, lambda: next(requested, Requests(learning_rate=1e-5))))
    events = [item.what for item in items if isinstance(item, Event)]
    assert events == ["paused", "resumed", "learning rate 1e-05"]
    assert records(items)[-1].learning_rate == pytest.approx(1e-5)


def test_a_loss_that_is_no_number_ends_the_run_with_its_name():
    _, items = trained(optimizer="sgd", learning_rate=100.0, epochs=30, clip=0.0)
    assert items[-1].state == "diverged" and "step" in items[-1].message
    assert records(items) and all(math.isfinite(r.val_psnr) for r in records(items))


def test_a_cross_entropy_that_is_no_number_is_a_divergence_too():
    config = from_flat(SMALL | {"loss": "bce", "epochs": 5})
    trainer = trainer_of(config, blobs(64), blobs(16, 1))
    (first,) = itertools.islice((item for item in fit(trainer) if records([item])), 1)
    assert first.epoch == 1
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(math.nan)
    items = list(fit(trainer))
    assert items[-1].state == "diverged" and trainer.epoch == 1


def test_a_time_budget_ends_the_run_and_brings_the_rate_to_zero(monkeypatch):
    ticks = itertools.count()  # a clock of its own: a busy machine takes no part
    clock = SimpleNamespace(perf_counter=lambda: 0.05 * next(ticks), sleep=None)
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(trainer_module, "time", clock)
    monkeypatch.setattr(epoch_sums, "time", clock)
    _, items = trained(time_budget_s=1.5, epochs=1)
    assert items[-1].state == "done"
    last = records(items)[-1]
    assert 1.5 <= last.elapsed_s < 2.5 and last.learning_rate < 2e-4 and last.epoch > 1


def test_early_stopping_ends_after_so_many_epochs_without_gain():
    trainer = trainer_of(from_flat(SMALL | {"epochs": 50, "patience": 2}), blobs(64), blobs(16, 1))
    trainer.best_psnr = 1000.0
    items = list(fit(trainer))
    assert len(records(items)) == 2 and "2 epochs" in items[-1].message


def test_a_gradient_far_longer_than_usual_is_shortened():
    trainer = trainer_of(from_flat(SMALL | {"clip": 2.0}), blobs(64), blobs(2))
    weights = list(trainer.model.parameters())

    def lengths(value):
        for weight in weights:
            weight.grad = torch.full_like(weight, value)
        trainer.clipper.clip(weights)
        return torch.nn.utils.get_total_norm([w.grad for w in weights]).item()

    usual = lengths(1.0)
    assert lengths(1.0) == pytest.approx(usual)
    assert lengths(50.0) == pytest.approx(2 * usual, rel=1e-3)
    assert lengths(0.5) == pytest.approx(usual / 2)
    assert math.isnan(lengths(math.nan))  # clipping does not hide a divergence


def test_flips_mirror_half_of_a_batch_and_keep_the_rest():
    trainer = trainer_of(from_flat(SMALL), blobs(64), blobs(2))
    chosen = torch.arange(16)
    plain = torch.from_numpy(blobs(64)[:16]).permute(0, 3, 1, 2) / 255
    batch = trainer.batches.clean(chosen)
    assert torch.equal(batch[:8], plain[:8].flip(3)) and torch.equal(batch[8:], plain[8:])


def test_a_shift_moves_each_image_and_mirrors_its_edges():
    images = torch.randint(0, 256, (200, 32, 32, 3), dtype=torch.uint8)
    moved = batches.shifted(images, 2, torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    seen = []
    for whole, image in zip(padded, moved.numpy(), strict=True):
        places = [(y, x) for y in range(5) for x in range(5)
                  if np.array_equal(whole[y : y + 32, x : x + 32], image)]  # fmt: skip
        assert len(places) == 1
        seen += places
    assert len(set(seen)) == 25 and np.abs(np.mean(seen, axis=0) - 2).max() < 0.4


def test_shifts_repeat_with_the_seed_and_differ_by_epoch():
    config = from_flat(SMALL | {"shift": 4, "flip": False})
    images = torch.randint(0, 256, (16, 32, 32, 3), dtype=torch.uint8)
    drawn = []
    for epoch in (1, 1, 2):
        drawing = batches.Batches(images, config, torch.contiguous_format)
        drawing.order(epoch)
        drawn.append(drawing.clean(torch.arange(16)))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[1], drawn[2])


def test_every_image_is_drawn_once_an_epoch():
    trainer = trainer_of(from_flat(SMALL), blobs(64), blobs(2))
    assert sorted(trainer.order().tolist()) == list(range(64))


def test_bce_reaches_the_entropy_of_the_pixels_at_a_perfect_reconstruction():
    target = torch.tensor([[0.25, 0.5]])
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75) + math.log(0.5)) / 2
    assert loss_of("bce", target.clone(), target).item() == pytest.approx(entropy, abs=1e-6)
    assert loss_of("bce", target + 1, target).item() > loss_of("bce", target, target).item() + 0.3


def test_schedules_start_and_end_where_they_should():
    share = learning_rate_share
    assert share("constant", 0.7) == 1 and share("cosine", 0.0) == 1
    assert share("cosine", 1.0) == pytest.approx(0) and share("onecycle", 0.05) == 1
    assert share("onecycle", 1.0) == 1e-4 and share("onecycle", 0.525) == pytest.approx(0.5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"`device` \(=cuda\) is not on this machine"):
        devices.pick_device("cuda")


def test_the_last_item_is_always_the_end():
    assert isinstance(trained()[1][-1], Ended)


def test_a_device_has_a_name_and_the_cpu_is_no_gpu():
    assert devices.device_name("cpu") == "CPU" and devices.gpu_count("cpu") == 0
    with pytest.raises(ConfigError, match="`device`"):
        devices.device_name("mps" if not torch.backends.mps.is_available() else "cuda")
