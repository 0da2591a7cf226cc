"""The training loop: ``fit`` is a generator of what happens, and nothing else.

Under torchrun the same loop runs on every process: each takes its share of every batch, and
gradients are averaged (DistributedDataParallel), so the loss follows the one-process run.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

from convae.models.devices import memory_mb
from convae.runs import forecast, snapshots
from convae.training import noise
from convae.training.trainer import Trainer

TICK_S = 0.25  # how often progress is told and requests are read


class EpochRecord(NamedTuple):
    """One pass over the training images; losses are of the configured kind, per value.

    val_noise: standard deviation of the noise on the validation input, as a share of the pixel
    range, or the mean of several. Above 0, val_loss and val_psnr compare the reconstruction of
    noisy images with the clean ones.
    train_kl: KL divergence of a variational model's codes from the standard normal distribution, in
    nats per image; train_loss is its reconstruction term alone.
    """

    epoch: int
    step: int
    train_loss: float
    val_loss: float
    val_psnr: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    memory_mb: float
    val_noise: float = 0.0
    train_kl: float = 0.0


class Progress(NamedTuple):
    """Where the run is inside an epoch. `remaining_s` is an estimate."""

    epoch: int
    step: int
    steps: int
    train_loss: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    remaining_s: float


class Event(NamedTuple):
    """Something the user did or the trainer decided: 'paused', 'learning rate 0.001', ..."""

    epoch: int
    step: int
    what: str


class Ended(NamedTuple):
    """The last word of every ``fit``: state is done, stopped or diverged."""

    state: str
    message: str


@dataclass
class Requests:
    """What the user wants of a run right now. ``learning_rate`` 0 means as scheduled, None that
    nothing was asked; ``asked_at`` differs between two requests for the same rate."""

    stop: bool = False
    pause: bool = False
    learning_rate: float | None = None
    asked_at: float = 0.0


def agree(trainer: Trainer, requests: Callable[[], Requests]) -> Requests:
    """The user's wish and the time, the same on every process: what rank 0 reads."""
    trainer.pass_time()
    wish = requests() if trainer.rank == 0 else Requests()
    if trainer.world == 1:
        return wish
    told = torch.tensor(
        [float(wish.stop), float(wish.pause),
         math.nan if wish.learning_rate is None else wish.learning_rate,
         wish.asked_at, trainer.elapsed_s],
        device=trainer.device, dtype=torch.float64,
    )  # fmt: skip
    dist.broadcast(told, 0)
    stop, pause, rate, asked_at, trainer.elapsed_s = told.tolist()
    return Requests(bool(stop), bool(pause), None if math.isnan(rate) else rate, asked_at)


def mean_loss(trainer: Trainer, total: Tensor, taken: int) -> float:
    """The mean over the steps taken and over all processes."""
    if trainer.world > 1:
        total = total / trainer.world
        dist.all_reduce(total)
    return (total / taken).item()


def tell(trainer: Trainer, loss: float, images_per_s: float) -> Progress:
    """Where the run is; the time left is by the speed so far, or what the budget has left, and
    what follows the steps: validations, snapshots and the figures of the test images."""
    epochs = math.ceil((trainer.total_steps - trainer.step) / trainer.steps_per_epoch)
    left = (trainer.total_steps - trainer.step) * trainer.batch_size / images_per_s
    if trainer.config.time_budget_s:
        left = trainer.config.time_budget_s * (1 - trainer.progress())
        epochs = 1  # the budget includes the validations before the last
    steps = trainer.config.model.refinement_steps
    per_image_s = trainer.evaluation_s or forecast.evaluation_s(images_per_s, steps)
    per_epoch = len(trainer.validation) * len(trainer.validation_inputs) + snapshots.IMAGES
    left += forecast.after_training_s(per_image_s, epochs, per_epoch, trainer.test_images)
    return Progress(
        trainer.epoch + 1, trainer.step, trainer.total_steps, loss, trainer.learning_rate(),
        images_per_s, trainer.elapsed_s, left,
    )  # fmt: skip


def diverged(trainer: Trainer) -> Ended:
    return Ended(
        "diverged",
        f"Diverged at step {trainer.step}, with a learning rate of {trainer.highest_rate:.3g}: the "
        "loss is no longer a number. The last good epoch is kept; resume with a smaller learning "
        "rate.",
    )


def one_epoch(
    trainer: Trainer, requests: Callable[[], Requests]
) -> Generator[Progress | Event, None, tuple[int, float, float, bool]]:
    """Train on every image once, or until a stop. Returns (steps taken, loss, images/s, stop)."""
    mine = trainer.order()[trainer.rank :: trainer.world]
    share = trainer.batch_size // trainer.world
    total, taken, loss, stop = torch.zeros((), device=trainer.device), 0, math.nan, False
    began, last = time.perf_counter(), -math.inf
    trainer.model.train()
    trainer.highest_rate = 0.0
    trainer.kl_sum.zero_()
    for i in range(trainer.steps_per_epoch):
        now = time.perf_counter()
        if now - last > TICK_S if trainer.world == 1 else i % 10 == 0:
            last = now
            wish = agree(trainer, requests)
            rate = wish.learning_rate
            if rate is not None and (rate, wish.asked_at) != (trainer.asked_rate, trainer.asked_at):
                trainer.ask_rate(rate, wish.asked_at)
                what = f"learning rate {rate:g}" if rate else "learning rate as scheduled"
                yield Event(trainer.epoch + 1, trainer.step, what)
            if wish.pause and not wish.stop:
                yield Event(trainer.epoch + 1, trainer.step, "paused")
                while wish.pause and not wish.stop:
                    time.sleep(TICK_S / 2)
                    trainer.forget_time()
                    wish = agree(trainer, requests)
                began += time.perf_counter() - now
                yield Event(trainer.epoch + 1, trainer.step, "went on")
            if stop := wish.stop:
                break
            if taken:
                loss = mean_loss(trainer, total, taken)
                if not math.isfinite(loss):
                    break
                yield tell(trainer, loss, taken * trainer.batch_size / (now - began))
        if trainer.progress() >= 1:
            break
        total += trainer.train_step(mine[i * share : (i + 1) * share])
        taken += 1
    loss = mean_loss(trainer, total, taken) if taken else 0.0
    return taken, loss, taken * trainer.batch_size / (time.perf_counter() - began), stop


def fit(
    trainer: Trainer, requests: Callable[[], Requests] = Requests
) -> Iterator[Progress | EpochRecord | Event | Ended]:
    """Train until the end of the schedule, a stop request or a bad end; the last item is ``Ended``.

    At each EpochRecord the trainer stands at the end of that epoch, ready to be saved; its model is
    the best so far where ``record.val_psnr == trainer.best_psnr``. An epoch cut short by a stop
    counts as one; the schedule goes by steps. A learning rate that is asked for is the rate at this
    moment and decays from there with what is left of the schedule.
    """
    patience = trainer.config.patience
    trainer.forget_time()
    if trainer.remeasured and trainer.progress() < 1:
        yield Event(trainer.epoch + 1, trainer.step, "denoising PSNR from here")
    while trainer.progress() < 1:
        taken, loss, speed, stop = yield from one_epoch(trainer, requests)
        val_loss, val_psnr = trainer.validate()
        if not (math.isfinite(loss) and math.isfinite(val_loss)):
            yield diverged(trainer)
            return
        kl = mean_loss(trainer, trainer.kl_sum, taken) if taken else 0.0
        agree(trainer, Requests)
        trainer.epoch += 1
        trainer.bad_epochs = 0 if val_psnr > trainer.best_psnr else trainer.bad_epochs + 1
        trainer.best_psnr = max(val_psnr, trainer.best_psnr)
        if taken:
            yield EpochRecord(
                trainer.epoch, trainer.step, loss, val_loss, val_psnr, trainer.learning_rate(),
                speed, trainer.elapsed_s, memory_mb(trainer.device),
                noise.validation_noise(trainer.config), kl,
            )  # fmt: skip
        if stop and trainer.progress() < 1:
            yield Ended("stopped", f"Stopped on request in epoch {trainer.epoch}.")
            return
        if patience and trainer.bad_epochs >= patience:
            yield Ended("done", f"No better for {patience} epochs: stopped early.")
            return
    yield Ended("done", f"Trained for {trainer.epoch} epochs.")
