"""A training session: one process that trains a run from its settings, or its last saved epoch, to
an end whose state and message are in status.json.

The command line calls it in the foreground and the app in a background process: there is one way to
train. Bit-exact resume on the CPU is tested by killing this process.
"""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import distributed as dist

from convae import data, files, limits, runs
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation import compare
from convae.models import checkpoints
from convae.models.devices import join_processes, world
from convae.runs import forecast, snapshots
from convae.training import initial_weights, run_card, run_levels
from convae.training.failures import failure_of
from convae.training.loop import fit
from convae.training.reports import Ended, EpochRecord, Event, Progress, Requests
from convae.training.reproducible import seed_everything
from convae.training.splits import load_images
from convae.training.tensorboard import Scalars
from convae.training.trainer import Trainer, shared_batch_size

HEARTBEAT_S = 0.25


class Measuring(NamedTuple):
    """How many of the test images have been reconstructed for the figures in the card."""

    done: int
    total: int


class Interrupted(Exception):
    """A stop request while the test images are measured."""


class TrainingSession:
    """Trains a run in this process; ``execute`` returns the status that it ended in.

    user_error: whether it failed by something that the user can correct.
    """

    def __init__(
        self,
        run: runs.Run,
        command: str,
        report: Callable[[Any], object] = lambda item: None,
    ):
        """command: what the card names as the way to repeat the run. report gets each item of
        `loop.fit`, then `Measuring`."""
        self.run, self.command, self.report = run, command, report
        self.rank, self.world = world()
        self.user_error = False
        self._stopping = False
        self._status: dict[str, Any] = {}
        self._heartbeat_at = 0.0

    def execute(self) -> runs.RunStatus:
        """Train to an end. Expected failures are not raised but named in the status."""
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
        except ValueError:
            pass  # not in the main thread (tests): then only requests can stop it
        self._write_status(state="starting", message="Reading the images.")
        try:
            ended = self._train()
            self._write_status(state=ended.state, message=ended.message, remaining_s=0.0)
        except Exception as error:
            failure = failure_of(error, self.run.id)
            self.user_error = isinstance(error, ConvaeError)
            self._write_status(state=failure.state, message=failure.message)
            if failure.unexpected:
                raise
        own = runs.RunStatus(self._status["state"], self._status.get("message", ""))
        return own if self.rank else self.run.status()

    def heartbeat(self) -> None:
        """Show `Run.stop` that this process is not hung: the time of status.json changes."""
        if not self.rank and time.monotonic() - self._heartbeat_at > HEARTBEAT_S:
            self._heartbeat_at = time.monotonic()
            with suppress(OSError):
                os.utime(self.run.path / "status.json")

    def requests(self) -> Requests:
        self.heartbeat()
        wanted = files.read_json(self.run.path / "control.json")
        out_of_time = limits.out_of_time(self._status.get("elapsed_s", 0.0))
        return Requests(
            self._stopping or bool(wanted.get("stop")) or out_of_time,
            bool(wanted.get("pause")),
            wanted.get("learning_rate"),
            wanted.get("learning_rate_asked_at", 0.0),
        )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _write_status(self, **values: Any) -> None:
        """Change these values in status.json, which the app reads."""
        self._status |= values | {"pid": os.getpid()}
        if self.rank:
            return
        try:
            self.run.write_status(**self._status)
        except OSError:
            if self._status.get("state") not in runs.ENDED:
                raise

    def _append(self, name: str, row: dict[str, Any]) -> None:
        if not self.rank:
            with open(self.run.path / name, "a") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")

    def _train(self) -> Ended:
        config = self.run.config()
        split, training, validation = load_images(
            config,
            lambda done, total, what: self._write_status(
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
                self.run.path / "snapshots", shown.images, shown.labels, shown.class_names
            )
        trainer = self._trainer(training, validation, recorder)
        images = test.images[: forecast.TEST_IMAGES] if test is not None else training.images[:0]
        trainer.test_images = len(images)
        if not self.rank:
            run_levels.update(
                self.run.path, config, training, validation,
                lambda message: self._write_status(message=message),
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
        self._write_status(message="Preparing the model.")
        new = {}
        if state is None:
            new["initialize"] = lambda model: initial_weights.initialize(model, config, training)
            new["length_weights"] = initial_weights.length_weights(config, training)
        seed_everything(config.seed)
        trainer = Trainer.create(config, training.images, validation.images, **new)
        trainer.heartbeat = self.heartbeat
        self._write_status(device=run_card.describe_machine(trainer.device))
        if state is not None:
            trainer.restore(state)
        self._remove_after(trainer.epoch)
        if state is None and recorder is not None:
            recorder.take(0, trainer.result, self.heartbeat)
        return trainer

    def _remove_after(self, epoch: int) -> None:
        """Remove what a killed session wrote after its last complete save."""
        if self.rank:
            return
        rows_of = {"history.jsonl": self.run.history(), "events.jsonl": self.run.events()}
        for name, rows in rows_of.items():
            kept = [json.dumps(row) + "\n" for row in rows if row["epoch"] <= epoch]
            files.write_atomically(self.run.path / name, "".join(kept).encode())
        snapshots.forget_after(self.run.path / "snapshots", epoch)

    def _fit(
        self, trainer: Trainer, split: ImageSet, recorder: snapshots.Recorder | None
    ) -> tuple[Ended, int]:
        """Train and write each item down: (how it ended, the epoch whose snapshot is left out for
        now because a stop was requested, or 0)."""
        self._write_status(
            state="running", message="", epoch=trainer.epoch, epochs=trainer.config.epochs,
            step=trainer.step, steps=trainer.total_steps,
        )  # fmt: skip
        scalars = Scalars(self.run.path)
        ended, without_snapshot = Ended("done", "All epochs were trained before."), 0
        for item in fit(trainer, self.requests):
            self.report(item)
            if isinstance(item, Progress):
                # under a time budget the number of epochs is an estimate
                epochs = math.ceil(item.steps / trainer.steps_per_epoch)
                self._write_status(state="running", epochs=epochs, **item._asdict())
            elif isinstance(item, Event):
                self._append("events.jsonl", item._asdict())
                self._write_status(state="paused" if item.what == "paused" else "running")
            elif isinstance(item, EpochRecord) and not self.rank:
                # the row first: resume removes a row too many, but could not restore a missing one
                self._append("history.jsonl", asdict(item))
                scalars.add(item)
                run_card.save(self.run.path, trainer, split, item, self.command)
                if self.requests().stop:
                    without_snapshot = item.epoch
                else:
                    recorder.take(item.epoch, trainer.result, self.heartbeat)
                self._write_status(
                    epoch=item.epoch, step=item.step, elapsed_s=item.elapsed_s,
                    memory_mb=item.memory_mb,
                )  # fmt: skip
            elif isinstance(item, Ended):
                ended = item
                if item.state == "diverged":  # a resume must stay below this rate
                    self._write_status(step=trainer.step, learning_rate=trainer.highest_rate)
        scalars.close()
        return ended, without_snapshot

    def _deliver(self, ended: Ended) -> None:
        """Write how it ended into the card. From here on the model is complete, and a run that
        was stopped says so."""
        run_card.write_end(self.run.path, ended.state)
        if ended.state != "done":
            self._stopping = False  # this request is fulfilled: the next one ends the measuring
            self.run.ask(stop=False)
            self._write_status(state=ended.state, message=ended.message, remaining_s=0.0)

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
            cause = "Interrupted" if isinstance(reason, Interrupted) else "Out of memory"
            return ended._replace(
                message=f"{ended.message} {cause} before the test images were measured: "
                f"`python -m convae evaluate {self.run.id}` does that."
            )
        return ended

    def _continue(self) -> None:
        """Raise Interrupted where a stop was requested after the delivery."""
        self.heartbeat()
        if self._stopping or files.read_json(self.run.path / "control.json").get("stop"):
            raise Interrupted

    def _measure(self, ended: Ended, images: np.ndarray, trainer: Trainer) -> None:
        """Add the figures on the test images to the card, on the training device."""
        if not len(images) or not run_card.needs_test_figures(self.run.path):
            return
        before = f"{ended.message} " if ended.state != "done" else ""

        def progress(done: int, total: int) -> None:
            self.report(Measuring(done, total))
            self._write_status(
                message=f"{before}Measuring the test images: {done:,} of {total:,}.",
                remaining_s=(total - done) * trainer.evaluation_s,
            )
            self._continue()

        progress(0, len(images))
        model = checkpoints.load(str(self.run.path)).model.to(trainer.device)
        run_card.write_test_figures(self.run.path, compare.measure(model, images, progress))
