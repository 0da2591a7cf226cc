"""A run, carried out: data in, ``train.fit``, files out, and an end with a name.

Called by the command line in the foreground and by the app's trainer in the background: one way to
train, whoever asks. Bit-exact resume on the CPU is tested by killing this.
"""

import errno
import json
import math
import os
import platform
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import distributed as dist

from convae import __version__, data, files, limits, runs
from convae.config import TrainConfig
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation import compare
from convae.evaluation.pca import pca_for, squared_errors
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.models.devices import join_processes, world
from convae.runs import forecast, snapshots
from convae.training import noise, reference_levels
from convae.training.loop import Ended, EpochRecord, Event, Progress, Requests, fit
from convae.training.nested_dropout import length_weights
from convae.training.tensorboard import Scalars
from convae.training.trainer import Trainer, shared_batch_size

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def split_off_validation(images: ImageSet, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """(train, validation): 2 % of the training images, 1 to 1,000 of them, are never trained on.

    The best epoch is chosen on them, so the test split stays untouched. Which ones does not depend
    on the run's seed: two runs can be compared.
    """
    count = min(max(len(images) // 50, 1), 1000)
    order = np.random.default_rng(seed).permutation(len(images))
    return images.take(np.sort(order[count:])), images.take(np.sort(order[:count]))


def load_images(
    config: TrainConfig, progress: data.Progress | None = None
) -> tuple[ImageSet, ImageSet, ImageSet]:
    """(training split, images to learn from, images to validate on)."""
    whole = data.load(config.data.spec, "train", progress)
    if len(whole) < 3:
        raise ConvaeError(f"{len(whole)} training images are too few: at least 3 are needed.")
    kept, held = split_off_validation(whole)
    if config.data.limit and config.data.limit < len(kept):
        chosen = np.random.default_rng(config.seed).permutation(len(kept))[: config.data.limit]
        kept = kept.take(np.sort(chosen))
    return whole, kept, held


def prepare(trainer: Trainer, kept: ImageSet) -> None:
    """Give a new model its first weights: a checkpoint's, or for `residual` the PCA of `kept`, the
    images that it is trained on."""
    config = trainer.config
    if config.init_from:
        start_from(trainer.model, checkpoints.load(config.init_from))
    elif config.model.architecture == "residual":
        pca = pca_for(kept)
        error = squared_errors(pca, kept.images, config.model.latent_dim)[-1]
        trainer.model.start_from_pca(pca.mean, pca.components, pca.variances, error)
    if config.model.nested_dropout:
        errors = squared_errors(pca_for(kept), kept.images, config.model.latent_dim)
        trainer.length_weights = length_weights(errors).to(trainer.device)
    trainer.begin()


def start_from(model: ConvAutoencoder, source: checkpoints.Checkpoint) -> None:
    """Give a model the weights of a checkpoint of the same kind; ConvaeError for another one.

    A model with nested dropout may start from one without it: what tells its decoder the code
    length stays at zero then, so that it starts as the same model.
    """
    given, wanted = asdict(source.config), asdict(model.config)
    free = {"refinement_steps"} | ({"nested_dropout"} if wanted["nested_dropout"] else set())
    for name in wanted:
        if name not in free and given[name] != wanted[name]:
            raise ConvaeError(
                f"`init_from` (={source.name}) holds a model with {name} {given[name]}, but "
                f"{wanted[name]} is wanted: set {name} to {given[name]}, or start from another "
                "model."
            )
    weights = source.model.state_dict()
    if "code_mean" in weights:
        model.code_mean = torch.zeros(model.config.latent_dim)
    new = {"code_mean", "decoder.refiner.by_length"} if wanted["nested_dropout"] else set()
    kept = {name: value for name, value in model.state_dict().items() if name in new}
    model.load_state_dict(kept | weights)


def made_for_another_end(model: TrainConfig, run: TrainConfig) -> bool:
    """Whether a model is a denoiser or variational and the run is not: no level to reach then."""
    denoiser = model.noise_std > 0 and not run.noise_std
    return denoiser or (model.model.variational and not run.model.variational)


def ancestor(config: TrainConfig) -> dict | None:
    """What the card of `init_from` says of its making: a model's whole story, as far as known."""
    if not config.init_from:
        return None
    try:
        card = files.read_json(checkpoints.find(config.init_from) / "card.json")
    except ConvaeError:  # it may be gone when a run is resumed
        return {"name": config.init_from}
    return {k: card.get(k) for k in ("name", "command", "data", "training", "started_from")}


def describe_machine(device: torch.device) -> str:
    """One line a reader can compare with: processor or GPU, cores, threads."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {platform.machine()}"
    name = torch.cpu.get_capabilities().get("cpu_name", "") or platform.processor()
    return f"{name or 'CPU'} {platform.machine()}, {torch.get_num_threads()} threads".strip()


class Measuring(NamedTuple):
    """How many of the test images have been reconstructed for the figures in the card."""

    done: int
    total: int


class Interrupted(Exception):
    """A stop request while the test images are measured."""


class Sitting:
    """One sitting of a trainer at a run folder; ``work`` returns the status it ended in."""

    def __init__(self, run: runs.Run, command: str, report: Callable | None = None):
        self.run, self.command = run, command
        self.report = report or (lambda item: None)
        self.rank, self.world = world()
        self.stopping = False
        self.refused = False  # whether it ended by something that the user can mend
        self.told: dict = {}
        self.beat_at = 0.0

    def heartbeat(self) -> None:
        """Show `Run.stop` that this process is at work: the time of status.json moves."""
        if not self.rank and time.monotonic() - self.beat_at > 0.25:
            self.beat_at = time.monotonic()
            with suppress(OSError):
                os.utime(self.run.path / "status.json")

    def requests(self) -> Requests:
        self.heartbeat()
        wish = files.read_json(self.run.path / "control.json")
        return Requests(
            self.stopping or bool(wish.get("stop")) or self._out_of_time(),
            bool(wish.get("pause")),
            wish.get("learning_rate"),
            wish.get("learning_rate_asked_at", 0.0),
        )

    def say(self, **values: Any) -> None:
        """Put the latest word where the app reads it."""
        self.told |= values | {"pid": os.getpid()}
        if self.rank:
            return
        try:
            self.run.write_status(**self.told)
        except OSError:
            if self.told.get("state") not in runs.ENDED:
                raise

    def append(self, name: str, row: dict) -> None:
        if not self.rank:
            with open(self.run.path / name, "a") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")

    def work(self) -> runs.RunStatus:
        """Train to an end. What can happen to a run is not raised but named in the status."""
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
        except ValueError:
            pass  # not in the main thread (tests): then only requests can stop it
        self.say(state="starting", message="Reading the images.")
        try:
            ended = self._train()
            self.say(state=ended.state, message=ended.message, remaining_s=0.0)
        except ConvaeError as error:
            self.refused = True
            self.say(state="failed", message=str(error))
        except MemoryError:
            self.say(state="out of memory", message=_memory_advice())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self.say(state="failed", message=f"The machine refused: {error.strerror}.")
            else:
                self.say(state="disk full", message=_disk_advice(self.run.id))
        except RuntimeError as error:
            text = str(error)
            if isinstance(error, torch.OutOfMemoryError) or any(w in text for w in OUT_OF_MEMORY):
                self.say(state="out of memory", message=_memory_advice())
            elif "No space left" in text or "PytorchStreamWriter" in text:
                self.say(state="disk full", message=_disk_advice(self.run.id))
            else:
                self.say(state="failed", message=f"The trainer broke: {text.splitlines()[0][:200]}")
                raise
        except Exception as error:
            text = (str(error).splitlines() or [""])[0][:200]
            self.say(state="failed", message=f"The trainer broke: {type(error).__name__}: {text}")
            raise
        mine = runs.RunStatus(self.told["state"], self.told.get("message", ""))
        return mine if self.rank else self.run.status()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _train(self) -> Ended:
        config = self.run.config()
        whole, kept, held = load_images(
            config,
            lambda done, total, what: self.say(
                message=f"{what}: {done:,}" + (f" of {total:,}" if total else "")
            ),
        )
        shared_batch_size(config, len(kept))
        if self.world > 1:
            join_processes()
        test = (
            data.load(config.data.spec, "test") if "test" in data.splits(config.data.spec) else None
        )
        shown = test if test is not None and len(test) else held
        recorder, scalars = None, Scalars(self.run.path)
        if not self.rank:  # first of all: the page shows these images while the rest is prepared
            recorder = snapshots.Recorder(
                self.run.path / "snapshots", shown.images, shown.labels, shown.class_names
            )
        trainer = Trainer(config, kept.images, held.images)
        trainer.heartbeat = self.heartbeat
        state = checkpoints.load_state(self.run.path)
        self.say(message="Preparing the model.", device=describe_machine(trainer.device))
        if state is None:
            self._forget_after(0)
            prepare(trainer, kept)
            if recorder is not None:  # epoch 0: the model before the first step
                recorder.take(0, trainer.result, self.heartbeat)
        else:
            trainer.begin()
            trainer.restore(state)
            self._forget_after(trainer.epoch)
        if not self.rank:
            self._measure_rungs(config, kept, held)
        self.say(state="running", message="", epoch=trainer.epoch, epochs=config.epochs,
                 step=trainer.step, steps=trainer.total_steps)  # fmt: skip
        images = test.images[: forecast.TEST_IMAGES] if test is not None else held.images[:0]
        trainer.test_images = len(images)
        ended, unseen = Ended("done", "Trained already."), 0
        for item in fit(trainer, self.requests):
            self.report(item)
            if isinstance(item, Progress):
                epochs = math.ceil(item.steps / trainer.steps_per_epoch)  # a budget's is a guess
                self.say(state="running", epochs=epochs, **item._asdict())
            elif isinstance(item, Event):
                self.append("events.jsonl", item._asdict())
                self.say(state="paused" if item.what == "paused" else "running")
            elif isinstance(item, EpochRecord) and not self.rank:
                # the line first: resume cuts one too many, but could not make up one too few
                self.append("history.jsonl", item._asdict())
                scalars.add(item._asdict())
                self._save(trainer, whole, item)
                if self.requests().stop:
                    unseen = item.epoch  # its snapshot can wait for the delivery
                else:
                    recorder.take(item.epoch, trainer.result, self.heartbeat)
                self.say(epoch=item.epoch, step=item.step, elapsed_s=item.elapsed_s,
                         memory_mb=item.memory_mb)  # fmt: skip
            elif isinstance(item, Ended):
                ended = item
                if item.state == "diverged":  # what a resume must stay below
                    self.say(step=trainer.step, learning_rate=trainer.highest_rate)
        scalars.close()
        if not self.rank:
            self._deliver(ended)
        if self.world > 1:
            dist.barrier()
            dist.destroy_process_group()
        if not self.rank:
            try:
                if unseen:
                    recorder.take(unseen, trainer.result, self._go_on)
                self._measure(ended, images, trainer)
            except (Interrupted, MemoryError, torch.OutOfMemoryError) as reason:
                why = "Interrupted" if isinstance(reason, Interrupted) else "Out of memory"
                ended = ended._replace(
                    message=f"{ended.message} {why} before the test images were measured: "
                    f"`python -m convae evaluate {self.run.id}` does that."
                )
        return ended

    def _forget_after(self, epoch: int) -> None:
        """Cut what a killed sitting wrote after its last whole save."""
        if self.rank:
            return
        whole = {"history.jsonl": self.run.history(), "events.jsonl": self.run.events()}
        for name, rows in whole.items():
            kept = [json.dumps(row) + "\n" for row in rows if row["epoch"] <= epoch]
            files.write_atomically(self.run.path / name, "".join(kept).encode())
        snapshots.forget_after(self.run.path / "snapshots", epoch)

    def _out_of_time(self) -> bool:
        return limits.out_of_time(self.told.get("elapsed_s", 0.0))

    def _measure_rungs(self, config: TrainConfig, kept: ImageSet, held: ImageSet) -> None:
        """The reference levels of this run, measured on the validation images of its curve: PCA
        fitted on the images trained on, and the shipped models of the same classes, refined as the
        run itself is. Measured again where the images have changed."""
        images = f"{kept.fingerprint} {held.fingerprint}"
        for sigma in noise.validation_sigmas(config):
            images += f" {config.corruption} noise {sigma:g}"
        if (
            reference_levels.read(self.run.path)
            and reference_levels.images_of(self.run.path) == images
        ):
            return
        self.say(message="Fitting PCA, the baseline.")
        inputs = noise.validation_inputs(held.images, config)
        levels = reference_levels.measure(
            config.loss, config.model.latent_dim, pca_for(kept), held.images, inputs
        )
        for entry in checkpoints.shipped():
            if made_for_another_end(entry.config, config):
                continue
            if entry.card.classes == list(kept.class_names):
                self.say(message=f"Measuring the reference level of {entry.name}.")
                try:
                    model = checkpoints.load(str(entry.path))
                except ConvaeError:
                    continue  # damaged weights: one level less, and no reason to end this run
                model = model.with_refinement_steps(config.model.refinement_steps)
                rebuilt = [model.reconstruct(noisy) for noisy in inputs]
                name = f"{entry.name}, {entry.config.model.latent_dim} values"
                levels[name] = reference_levels.level(config.loss, held.images, rebuilt)
        reference_levels.write(self.run.path, levels, images)

    def _save(self, trainer: Trainer, whole: ImageSet, record: EpochRecord) -> None:
        best = record.val_psnr == trainer.best_psnr
        if not best and (self.run.path / "card.json").exists():
            files.write_atomically(
                self.run.path / "state.pt", checkpoints.state_bytes(trainer.state())
            )
            return
        card = {
            "name": self.run.id,
            "config": asdict(trainer.config),
            "data": {"name": whole.name, "fingerprint": whole.fingerprint, "images": len(whole)},
            "classes": list(whole.class_names),
            "metrics": {"val_psnr": record.val_psnr, "val_loss": record.val_loss,
                        "val_noise": record.val_noise, "test": None},
            "training": {"epoch": record.epoch, "step": record.step, "elapsed_s": record.elapsed_s},
            "parameters": trainer.result.parameter_count,
            "machine": describe_machine(trainer.device),
            "precision": str(trainer.precision).removeprefix("torch."),
            "versions": {"convae": __version__, "torch": torch.__version__,
                         "python": platform.python_version()},
            "command": self.command,
            "started_from": ancestor(trainer.config),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        half = trainer.config.weights == "float16"
        checkpoints.save(self.run.path, trainer.result, card, half=half, state=trainer.state())

    def _deliver(self, ended: Ended) -> None:
        """Write how it ended into the card. From here on the model is complete, and a run that
        was stopped says so."""
        path = self.run.path / "card.json"
        if card := files.read_json(path):
            card["training"] |= {"state": ended.state}
            files.write_atomically(path, json.dumps(card, indent=2).encode())
        if ended.state != "done":
            self.stopping = False  # that request is fulfilled: the next one ends the measuring
            self.run.ask(stop=False)
            self.say(state=ended.state, message=ended.message, remaining_s=0.0)

    def _go_on(self) -> None:
        """Raise Interrupted where a stop was asked for after the delivery."""
        self.heartbeat()
        if self.stopping or files.read_json(self.run.path / "control.json").get("stop"):
            raise Interrupted

    def _measure(self, ended: Ended, images: np.ndarray, trainer: Trainer) -> None:
        """Add the figures on the test images to the card, on the training device."""
        path = self.run.path / "card.json"
        card = files.read_json(path)
        if not len(images) or not card or card["metrics"].get("test"):  # none, or measured already
            return
        before = f"{ended.message} " if ended.state != "done" else ""

        def progress(done: int, total: int) -> None:
            self.report(Measuring(done, total))
            left = (total - done) * trainer.evaluation_s
            self.say(
                message=f"{before}Measuring the test images: {done:,} of {total:,}.",
                remaining_s=left,
            )
            self._go_on()

        progress(0, len(images))
        model = checkpoints.load(str(self.run.path)).model.to(trainer.device)
        card["metrics"]["test"] = compare.measure(model, images, progress)
        files.write_atomically(path, json.dumps(card, indent=2).encode())


def _memory_advice() -> str:
    return "Out of memory: take a smaller batch, fewer channels, or fewer images; then resume."


def _disk_advice(name: str) -> str:
    return f"The disk is full. The last saved epoch is whole: make room, then resume {name}."
