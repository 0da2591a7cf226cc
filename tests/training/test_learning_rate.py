"""A learning rate asked for while a run trains."""

import dataclasses

import numpy as np
import pytest

from convae.flat_config import from_flat
from convae.training import loop
from convae.training.loop import EpochRecord, Event, Requests, fit
from convae.training.reproducible import seed_everything
from convae.training.trainer import Trainer

SCHEDULES = ("constant", "cosine", "onecycle")
MOMENTS = (0, 1, 5, 49, 50, 51, 500, 980, 999)


def trainer_of(schedule="onecycle", epochs=1000):
    """A trainer of 1 step an epoch: epochs are steps."""
    config = from_flat(
        {"architecture": "strided", "base_channels": 8, "latent_dim": 4, "batch_size": 8}
        | {"epochs": epochs, "schedule": schedule, "learning_rate": 2e-3}
    )
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    seed_everything(config.seed)
    return Trainer.create(config, images, images[:2])


def rates_from(trainer, step):
    rates = []
    for here in range(step, trainer.config.epochs + 1):
        trainer.step = here
        rates.append(trainer.learning_rate())
    return np.array(rates)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("step", MOMENTS)
@pytest.mark.parametrize("asked", [1e-7, 1e-3, 2e-3, 0.05])
def test_a_rate_asked_for_is_the_rate_and_only_falls_from_there(schedule, step, asked):
    trainer = trainer_of(schedule)
    plain = rates_from(trainer, step)
    trainer.step = step
    trainer.request_rate(asked)
    rates = rates_from(trainer, step)
    assert rates[0] == asked and rates.max() == asked
    assert (np.diff(rates) <= 0).all()
    peak = plain.argmax()  # from there on the schedule falls: the same shape, another height
    np.testing.assert_allclose(rates[peak:] * plain[peak], plain[peak:] * asked, rtol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("step", MOMENTS)
def test_zero_returns_to_the_schedule(schedule, step):
    trainer = trainer_of(schedule)
    plain = rates_from(trainer, step)
    trainer.step = max(step - 1, 0)
    trainer.request_rate(0.01)
    trainer.step = step
    trainer.request_rate(0.0)
    assert np.array_equal(rates_from(trainer, step), plain)


def test_added_epochs_drop_a_rate_asked_for_and_a_plain_resume_keeps_it():
    first = trainer_of(epochs=100)
    first.step = 98
    first.request_rate(1e-3, 7.0)
    again, longer = trainer_of(epochs=100), trainer_of(epochs=200)
    again.restore(first.state())
    longer.restore(first.state())
    assert np.array_equal(rates_from(again, 98), rates_from(first, 98))
    assert rates_from(longer, 98).max() <= 2e-3
    assert longer.learning_rate() < 1e-3 and longer.schedule.requested == 0


def test_a_request_is_applied_once_also_after_a_restart(monkeypatch):
    monkeypatch.setattr(loop, "TICK_S", -1.0)
    wish = Requests(learning_rate=1e-3, asked_at=5.0)
    first = trainer_of(epochs=40)
    states, events = [], []
    for item in fit(first, lambda: dataclasses.replace(wish)):
        if isinstance(item, EpochRecord) and item.epoch == 20:
            states.append(first.state())
            expected = first.learning_rate()
            break
    again = trainer_of(epochs=40)
    again.restore(states[0])
    assert again.learning_rate() == expected < 1e-3
    rates = []
    for item in fit(again, lambda: dataclasses.replace(wish)):
        if isinstance(item, Event):
            events.append(item.what)
        elif isinstance(item, EpochRecord):
            rates.append(item.learning_rate)
    assert events == [] and max(rates) < expected


def test_the_same_rate_can_be_asked_for_again_and_zero_ends_it(monkeypatch):
    monkeypatch.setattr(loop, "TICK_S", -1.0)
    trainer = trainer_of(epochs=30, schedule="cosine")
    wishes = {0: Requests(), 5: Requests(learning_rate=1e-3, asked_at=1.0),
              15: Requests(learning_rate=1e-3, asked_at=2.0),
              25: Requests(learning_rate=0.0, asked_at=3.0)}  # fmt: skip

    def requests():
        return wishes[max(step for step in wishes if step <= trainer.step)]

    events = [(e.step, e.what) for e in fit(trainer, requests) if isinstance(e, Event)]
    assert events == [(5, "learning rate 0.001"), (15, "learning rate 0.001"),
                      (25, "learning rate as scheduled")]  # fmt: skip
