"""The counters of a Trainer, and what its construction leaves alone."""

import dataclasses
import errno
import json

import numpy as np
import pytest
import torch

from convae import records, runs
from convae.errors import ConvaeError
from convae.flat_config import from_flat
from convae.training.failures import failure_of
from convae.training.reports import EpochRecord
from convae.training.reproducible import seed_everything
from convae.training.session import TrainingSession
from convae.training.trainer import Trainer

SMALL = dict(architecture="strided", base_channels=8, latent_dim=4, batch_size=16, epochs=3)


def trainer_of(**changes):
    images = np.random.default_rng(0).integers(0, 256, (48, 32, 32, 3), np.uint8)
    return Trainer.create(from_flat(SMALL | changes), images, images[:8])


def first_weight(trainer):
    return next(trainer.model.parameters()).detach().clone()


def test_creating_a_trainer_seeds_nothing_and_seeding_before_fixes_the_weights():
    seed_everything(5)
    first, second = first_weight(trainer_of()), first_weight(trainer_of())
    assert not torch.equal(first, second)
    seed_everything(5)
    assert torch.equal(first_weight(trainer_of()), first)


def test_an_epoch_is_counted_once_with_the_mean_loss_of_its_steps():
    trainer = trainer_of()
    losses = [trainer.train_step(chosen).item() for chosen in trainer.begin_epoch()]
    assert len(losses) == trainer.sums.steps == 3
    record = trainer.end_epoch()
    assert (record.epoch, record.step) == (trainer.epoch, trainer.step) == (1, 3)
    assert record.train_loss == pytest.approx(np.mean(losses))
    assert record.val_psnr == trainer.best_psnr == trainer.validate()[1]


def test_a_resumed_run_takes_no_more_threads_than_the_machine_has():
    trainer, allowed = trainer_of(), torch.get_num_threads()
    try:
        trainer.restore(trainer.state() | {"threads": 64 * allowed})
        assert torch.get_num_threads() == allowed
        trainer.restore(trainer.state() | {"threads": 1})
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(allowed)


def test_a_diverged_epoch_is_not_counted():
    trainer = trainer_of(patience=1)
    for chosen in trainer.begin_epoch():
        trainer.train_step(chosen)
    trainer.end_epoch()
    best = trainer.best_psnr
    for chosen in trainer.begin_epoch():
        trainer.train_step(chosen)
    trainer.sums.loss += float("nan")
    assert not trainer.end_epoch().is_finite
    assert (trainer.epoch, trainer.bad_epochs, trainer.best_psnr) == (1, 0, best)


def test_the_keys_of_history_are_those_that_are_read(tiny_data):
    fields = {f.name for f in dataclasses.fields(EpochRecord)}
    assert fields == set(records.EPOCH) | set(records.EPOCH_EXTRAS)
    run = runs.claim(from_flat(SMALL | {"spec": tiny_data, "epochs": 1}), "keys")
    assert TrainingSession(run).execute().state == "done"
    rows = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    assert [set(row) for row in rows] == [fields]


@pytest.mark.parametrize(
    ("error", "state", "words", "unexpected"),
    [
        (ConvaeError("No such set."), "failed", "No such set.", False),
        (MemoryError(), "out of memory", "smaller batch", False),
        (RuntimeError("CUDA out of memory. Tried"), "out of memory", "smaller batch", False),
        (OSError(errno.ENOSPC, "No space left"), "disk full", "resume a-run", False),
        (RuntimeError("PytorchStreamWriter failed"), "disk full", "resume a-run", False),
        (OSError(errno.EIO, "I/O error"), "failed", "failed (I/O error)", False),
        (RuntimeError("shapes\ndiffer"), "failed", "Training failed: shapes", True),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError: by zero", True),
    ],
)
def test_each_failure_has_a_state_and_a_message(error, state, words, unexpected):
    failure = failure_of(error, "a-run")
    assert (failure.state, failure.unexpected) == (state, unexpected)
    assert words in failure.message and "\n" not in failure.message
