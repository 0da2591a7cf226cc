"""The training loop: ``fit`` is a generator of what happens, and nothing else.

Under torchrun the same loop runs on every process: each takes its share of every batch, and
gradients are averaged (DistributedDataParallel), so the loss follows the one-process run.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator

import torch
from torch import distributed as dist

from convae.runs import forecast, snapshots
from convae.training.reports import Ended, EpochRecord, Event, Progress, Requests
from convae.training.trainer import Trainer
from convae.wording import counted

TICK_S = 0.25  # how often progress is reported and requests are read


def shared_requests(trainer: Trainer, requests: Callable[[], Requests]) -> Requests:
    """The requests and the elapsed time, the same on every process: what rank 0 reads."""
    trainer.pass_time()
    wanted = requests() if trainer.rank == 0 else Requests()
    if trainer.world == 1:
        return wanted
    values = torch.tensor(
        [float(wanted.stop), float(wanted.pause),
         math.nan if wanted.learning_rate is None else wanted.learning_rate,
         wanted.asked_at, trainer.elapsed_s],
        device=trainer.device, dtype=torch.float64,
    )  # fmt: skip
    dist.broadcast(values, 0)
    stop, pause, rate, asked_at, trainer.elapsed_s = values.tolist()
    return Requests(bool(stop), bool(pause), None if math.isnan(rate) else rate, asked_at)


def progress_of(trainer: Trainer, loss: float, images_per_s: float) -> Progress:
    """Where the run is. The time left follows from the speed so far, or is what remains of the
    time budget, plus what follows the steps: validations, snapshots and the test images."""
    epochs = math.ceil((trainer.total_steps - trainer.step) / trainer.steps_per_epoch)
    left = (trainer.total_steps - trainer.step) * trainer.batch_size / images_per_s
    if trainer.config.time_budget_s:
        left = trainer.config.time_budget_s * (1 - trainer.progress())
        epochs = 1  # the budget includes the validations before the last
    steps = trainer.config.model.refinement_steps
    per_image_s = trainer.evaluation_s or forecast.evaluation_s(images_per_s, steps)
    per_epoch = trainer.validation.reconstructions + snapshots.IMAGES
    left += forecast.after_training_s(per_image_s, epochs, per_epoch, trainer.test_images)
    return Progress(
        trainer.epoch + 1, trainer.step, trainer.total_steps, loss, trainer.learning_rate(),
        images_per_s, trainer.elapsed_s, left,
    )  # fmt: skip


def diverged(trainer: Trainer) -> Ended:
    return Ended(
        "diverged",
        f"Diverged at step {trainer.step}, with a learning rate of "
        f"{trainer.sums.highest_rate:.3g}: the loss is not a finite number. The last good epoch is "
        "kept; resume with a smaller learning rate.",
    )


def one_epoch(
    trainer: Trainer, requests: Callable[[], Requests]
) -> Generator[Progress | Event, None, bool]:
    """Train on every image once, or until a stop; returns whether a stop was requested."""
    last = -math.inf
    for i, chosen in enumerate(trainer.begin_epoch()):
        now = time.perf_counter()
        if now - last > TICK_S if trainer.world == 1 else i % 10 == 0:
            last = now
            if (yield from _follow_requests(trainer, requests)):
                return True
            if trainer.sums.steps:
                loss = trainer.sums.mean_loss()
                if not math.isfinite(loss):
                    return False
                yield progress_of(trainer, loss, trainer.sums.images_per_s())
        if trainer.progress() >= 1:
            return False
        trainer.train_step(chosen)
    return False


def _follow_requests(
    trainer: Trainer, requests: Callable[[], Requests]
) -> Generator[Event, None, bool]:
    """Change the learning rate and wait while paused; returns whether to stop."""
    wanted = shared_requests(trainer, requests)
    rate, latest = wanted.learning_rate, trainer.schedule
    if rate is not None and (rate, wanted.asked_at) != (latest.requested, latest.requested_at):
        trainer.request_rate(rate, wanted.asked_at)
        what = f"learning rate {rate:g}" if rate else "learning rate as scheduled"
        yield Event(trainer.epoch + 1, trainer.step, what)
    if wanted.pause and not wanted.stop:
        yield Event(trainer.epoch + 1, trainer.step, "paused")
        while wanted.pause and not wanted.stop:
            time.sleep(TICK_S / 2)
            trainer.skip_time()
            wanted = shared_requests(trainer, requests)
        yield Event(trainer.epoch + 1, trainer.step, "resumed")
    return wanted.stop


def fit(
    trainer: Trainer, requests: Callable[[], Requests] = Requests
) -> Iterator[Progress | EpochRecord | Event | Ended]:
    """Train until the end of the schedule, a stop request or a divergence; the last item is
    ``Ended``.

    At each EpochRecord the trainer is at the end of that epoch, ready to be saved; its model is
    the best so far where ``record.val_psnr == trainer.best_psnr``. An epoch cut short by a stop
    counts as one; the schedule goes by steps. A requested learning rate applies from this moment
    and decays with what is left of the schedule.
    """
    patience = trainer.config.patience
    trainer.skip_time()
    if trainer.remeasured and trainer.progress() < 1:
        yield Event(trainer.epoch + 1, trainer.step, "denoising PSNR from here")
    while trainer.progress() < 1:
        stop = yield from one_epoch(trainer, requests)
        begun = trainer.sums.steps > 0  # else there is nothing to validate or to count
        if begun:
            record = trainer.end_epoch()
            if not record.is_finite:
                yield diverged(trainer)
                return
            yield record
        if stop and trainer.progress() < 1:
            when = f"in epoch {trainer.epoch}"
            if not begun:
                when = f"after epoch {trainer.epoch}" if trainer.epoch else "before the first step"
            yield Ended("stopped", f"Stopped on request {when}.")
            return
        if patience and trainer.bad_epochs >= patience:
            yield Ended("done", f"Early stopping: no better validation PSNR in {patience} epochs.")
            return
    yield Ended("done", f"Trained for {counted(trainer.epoch, 'epoch')}.")
