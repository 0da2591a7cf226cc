"""A training session: one process that trains a run from its settings, or its last saved epoch, to
an end whose state and message are in status.json.

The command line calls it in the foreground and the app in a background process: there is one way to
train. Bit-exact resume on the CPU is tested by killing this process.
"""

import math
import signal
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import distributed as dist

from convae import data, limits, runs
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation import compare
from convae.models import checkpoints
from convae.models.devices import join_processes, world
from convae.runs import forecast, queue, snapshots
from convae.training import initial_weights, noise, run_card, run_levels
from convae.training.batches import shared_batch_size
from convae.training.failures import failure_of
from convae.training.loop import fit
from convae.training.reports import Ended, EpochRecord, Event, Progress
from convae.training.reproducible import seed_everything
from convae.training.run_writer import RunWriter
from convae.training.splits import load_images
from convae.training.tensorboard import Scalars
from convae.training.trainer import Trainer


class Measuring(NamedTuple):
    """How many of the test images have been reconstructed for the figures in the card."""

    done: int
    total: int


class Interrupted(Exception):
    """A stop request while the test images are measured."""


class TrainingSession:
    """Trains a run in this process; ``execute`` returns the status that it ended in.

    user_error: whether it failed by something that the user can correct. unmeasured: whether it was
    interrupted before the test images were measured. interrupted: whether by Ctrl+C.
    """

    def __init__(
        self,
        run: runs.Run,
        report: Callable[[Any], object] = lambda item: None,
    ):
        """report gets each item of `loop.fit`, then `Measuring`."""
        self.run, self.report = run, report
        self.rank, self.world = world()
        self.user_error = self.unmeasured = self.interrupted = False
        self.writer = RunWriter(run, self.rank)

    def execute(self) -> runs.RunStatus:
        """Train to an end. Expected failures are not raised but named in the status."""
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
        except ValueError:
            pass  # not in the main thread (tests): then only requests can stop it
        self.writer.write_status(state="starting", message="Reading the images.")
        try:
            ended = self._train()
            self.writer.write_status(state=ended.state, message=ended.message, remaining_s=0.0)
        except Exception as error:
            failure = failure_of(error, self.run.id)
            self.user_error = isinstance(error, ConvaeError)
            self.writer.write_status(state=failure.state, message=failure.message)
            if failure.unexpected:
                raise
        finally:
            if not self.rank:
                queue.ensure()
        return self.writer.status if self.rank else self.run.status()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = self.interrupted or number == signal.SIGINT
        self.writer.stopping = True

    def _train(self) -> Ended:
        config = self.run.config()
        split, training, validation = load_images(
            config,
            lambda done, total, what: self.writer.write_status(
                message=f"{what}: {done:,}" + (f" of {total:,}" if total else "")
            ),
        )
        shared_batch_size(config, len(training))
        if self.world > 1:
            join_processes()
        test = (
            data.load(config.data.spec, "test") if "test" in data.splits(config.data.spec) else None
        )
        recorder = None
        if not self.rank:  # first of all: the page shows these images while the rest is prepared
            shown = test if test is not None and len(test) else validation
            recorder = snapshots.Recorder(
                self.run.path / "snapshots", shown.images, shown.labels, shown.class_names,
                partial(noise.shown_inputs, config=config) if config.noise_std else None,
            )  # fmt: skip
        trainer = self._trainer(training, validation, recorder)
        images = test.images[: forecast.TEST_IMAGES] if test is not None else training.images[:0]
        trainer.test_images = len(images)
        if not self.rank:
            run_levels.update(
                self.run.path, config, training, validation,
                lambda message: self.writer.write_status(message=message),
            )  # fmt: skip
        ended, without_snapshot = self._fit(trainer, split, recorder)
        if not self.rank:
            self._deliver(ended)
        if self.world > 1:
            dist.barrier()
            dist.destroy_process_group()
        if not self.rank:
            ended = self._finish(ended, trainer, images, recorder, without_snapshot)
        return ended

    def _trainer(
        self, training: ImageSet, validation: ImageSet, recorder: snapshots.Recorder | None
    ) -> Trainer:
        """A new trainer, whose untrained model is recorded as epoch 0, or one that continues from
        the last saved epoch."""
        config = self.run.config()
        state = checkpoints.load_state(self.run.path)
        self.writer.write_status(message="Preparing the model.")
        new = {}
        if state is None:
            new["initialize"] = lambda model: initial_weights.initialize(model, config, training)
            new["length_weights"] = initial_weights.length_weights(config, training)
        seed_everything(config.seed)
        trainer = Trainer.create(config, training.images, validation.images, **new)
        trainer.heartbeat = self.writer.heartbeat
        if state is not None:
            trainer.restore(state)
        self.writer.write_status(device=run_card.describe_machine(trainer.device))
        self.writer.remove_after(trainer.epoch)
        if state is None and recorder is not None:
            recorder.take(0, trainer.result, self.writer.heartbeat)
        return trainer

    def _fit(
        self, trainer: Trainer, split: ImageSet, recorder: snapshots.Recorder | None
    ) -> tuple[Ended, int]:
        """Train and write each item down: (how it ended, the epoch whose snapshot is left out for
        now because a stop was requested, or 0)."""
        self.writer.write_status(
            state="running", message="", epoch=trainer.epoch, epochs=trainer.config.epochs,
            step=trainer.step, steps=trainer.total_steps, elapsed_s=trainer.elapsed_s,
        )  # fmt: skip
        scalars = Scalars(self.run.path)
        ended, without_snapshot = Ended("done", "All epochs were trained before."), 0
        for item in fit(trainer, self.writer.requests):
            self.report(item)
            if isinstance(item, Progress):
                # under a time budget the number of epochs is an estimate
                epochs = math.ceil(item.steps / trainer.steps_per_epoch)
                self.writer.write_status(state="running", epochs=epochs, **item._asdict())
            elif isinstance(item, Event):
                self.writer.append("events.jsonl", item._asdict())
                self.writer.write_status(
                    state="paused" if item.what == "paused" else "running",
                    epoch=item.epoch, step=item.step, elapsed_s=trainer.elapsed_s,
                )  # fmt: skip
            elif isinstance(item, EpochRecord) and not self.rank:
                # the row first: resume removes a row too many, but could not restore a missing one
                self.writer.append("history.jsonl", asdict(item))
                scalars.add(item)
                run_card.save(self.run.path, trainer, split, item)
                if self.writer.requests().stop:
                    without_snapshot = item.epoch
                else:
                    recorder.take(item.epoch, trainer.result, self.writer.heartbeat)
                self.writer.write_status(
                    epoch=item.epoch, step=item.step, elapsed_s=item.elapsed_s,
                    memory_mb=item.memory_mb,
                )  # fmt: skip
            elif isinstance(item, Ended):
                ended = item
                late = limits.out_of_time(trainer.elapsed_s)
                if item.state == "stopped" and late and not self.writer.stop_requested():
                    ended = item._replace(message=limits.time_limit_note())
                if item.state == "diverged":  # a resume must stay below this rate
                    self.writer.write_status(
                        step=trainer.step, learning_rate=trainer.sums.highest_rate
                    )
        scalars.close()
        return ended, without_snapshot

    def _deliver(self, ended: Ended) -> None:
        """Write how it ended into the card. From here on the model is complete, and a run that
        was stopped says so."""
        run_card.write_end(self.run.path, ended.state)
        if ended.state != "done":
            self.writer.forget_stop()  # the next one ends the measuring
            self.writer.write_status(state=ended.state, message=ended.message, remaining_s=0.0)

    def _finish(
        self,
        ended: Ended,
        trainer: Trainer,
        images: np.ndarray,
        recorder: snapshots.Recorder,
        without_snapshot: int,
    ) -> Ended:
        """Take the snapshot that was left out and measure the test images, unless interrupted."""
        try:
            if without_snapshot:
                recorder.take(without_snapshot, trainer.result, self._continue)
            self._measure(ended, images, trainer)
        except (Interrupted, MemoryError, torch.OutOfMemoryError) as reason:
            self.unmeasured = True
            cause = "Interrupted" if isinstance(reason, Interrupted) else "Out of memory"
            return ended._replace(
                message=f"{ended.message} {cause} before the test images were measured."
            )
        return ended

    def _continue(self) -> None:
        """Raise Interrupted where a stop was requested after the delivery."""
        if self.writer.stop_requested():
            raise Interrupted

    def _measure(self, ended: Ended, images: np.ndarray, trainer: Trainer) -> None:
        """Add the figures on the test images to the card, on the training device."""
        if not len(images) or not run_card.needs_test_figures(self.run.path):
            return
        before = f"{ended.message} " if ended.state != "done" else ""

        def progress(done: int, total: int) -> None:
            self.report(Measuring(done, total))
            self.writer.write_status(
                message=f"{before}Measuring the test images: {done:,} of {total:,}.",
                remaining_s=(total - done) * trainer.evaluation_s,
            )
            self._continue()

        progress(0, len(images))
        model = checkpoints.load(str(self.run.path)).model.to(trainer.device)
        run_card.write_test_figures(self.run.path, compare.measure(model, images, progress))
