"""A model in training: its images on the device, one step, one epoch, and its whole state.

Fast by construction: all images stay on the device as uint8; each batch is drawn, flipped and
scaled there; nothing waits for the device within a step; there are no data loader processes.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convae.config import TrainConfig
from convae.errors import ConfigError
from convae.models.architectures import MAX_PARAMETERS, count_parameters
from convae.models.autoencoder import ConvAutoencoder
from convae.models.devices import memory_mb, pick_device, pick_layout, pick_precision, world
from convae.training import noise
from convae.training.batches import Batches, shared_batch_size
from convae.training.clipping import GradientClipper
from convae.training.epoch_sums import EpochSums
from convae.training.forward import TrainingPass
from convae.training.objective import Objective
from convae.training.optim import make_optimizer
from convae.training.reports import EpochRecord
from convae.training.schedule import LearningRate
from convae.training.validation import Validation

FOLLOW = 0.02  # share of the latest batch in the mean code


class Trainer:
    """A model, its optimizer and its counters: all that resume needs is in ``state()``."""

    def __init__(
        self,
        config: TrainConfig,
        model: ConvAutoencoder,
        optimizer: torch.optim.Optimizer,
        batches: Batches,
        validation: Validation,
        length_weights: Tensor | None = None,
    ):
        """Model, batches and validation are on the device; see `create`."""
        self.config, self.model, self.optimizer = config, model, optimizer
        self.batches, self.validation = batches, validation
        self.objective = Objective(config, length_weights)
        self.rank, self.world = world()
        self.device = batches.images.device
        self.precision = pick_precision(config.precision, self.device)
        self.batch_size = shared_batch_size(config, len(batches.images))
        self.schedule, self.clipper = LearningRate(config), GradientClipper(config.clip)
        self.average = None
        if decay := config.ema_decay:
            self.average = AveragedModel(
                model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
            )
        self.network: nn.Module = TrainingPass(model)
        if self.world > 1:
            self.network = DistributedDataParallel(self.network)
        self.steps_per_epoch = len(batches.images) // self.batch_size
        self.epoch = self.step = self.bad_epochs = 0
        self.best_psnr = -math.inf
        self.remeasured = False  # was best_psnr, on resume, of clean input and measured again?
        self.elapsed_s = 0.0
        self.evaluation_s = 0.0  # per image, refinement included; 0: not measured yet
        self.test_images = 0  # measured after the training; part of the estimate of the time left
        self.heartbeat: Callable[[], object] = lambda: None  # called within long computations
        self.clock_read_at = time.perf_counter()
        self.sums = EpochSums(self.device, self.batch_size)

    @classmethod
    def create(
        cls,
        config: TrainConfig,
        images: np.ndarray,
        validation: np.ndarray,
        initialize: Callable[[ConvAutoencoder], object] | None = None,
        length_weights: Tensor | None = None,
        layout: torch.memory_format | None = None,
    ) -> Self:
        """Build the model, its optimizer and its schedule on the configured device.

        images: uint8 (N, 32, 32, 3), N >= 2; validation: uint8 (M, 32, 32, 3), M >= 1. initialize
        changes the first weights, before the optimizer is made. length_weights: see `Objective`.
        layout: of batches and weights in memory; None: what fits the device. Seed before: the first
        weights are random. ConfigError where the model has too many parameters or the device is
        absent.
        """
        device = pick_device(config.device)
        layout = layout or pick_layout(device)
        parameters = count_parameters(config.model)
        if parameters > MAX_PARAMETERS:
            raise ConfigError(
                f"This model has {parameters:,} parameters, more than {MAX_PARAMETERS:,}: choose a "
                "smaller `latent_dim` or `base_channels`."
            )
        model = ConvAutoencoder(config.model)
        if initialize is not None:
            initialize(model)
        if model.code_mean is None:
            model.code_mean = torch.zeros(config.model.latent_dim)
        model.to(device, memory_format=layout)
        return cls(
            config, model, make_optimizer(config, model, device),
            Batches(torch.from_numpy(np.ascontiguousarray(images)).to(device), config, layout),
            Validation(validation, config, device, layout),
            None if length_weights is None else length_weights.to(device),
        )  # fmt: skip

    @property
    def result(self) -> ConvAutoencoder:
        """The model to deliver: the average of the weights where one is kept."""
        return self.average.module if self.average else self.model

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; under a time budget an estimate from the speed so far."""
        if self.config.time_budget_s:
            return max(round(self.step / max(self.progress(), 1e-3)), self.step)
        return self.config.epochs * self.steps_per_epoch

    def progress(self) -> float:
        """How much of the run is over, in [0, 1]: by time where there is a time budget."""
        if self.config.time_budget_s:
            return min(self.elapsed_s / self.config.time_budget_s, 1.0)
        return min(self.step / (self.config.epochs * self.steps_per_epoch), 1.0)

    def learning_rate(self) -> float:
        """The rate of the next step: as scheduled, or as requested, with its decay since."""
        return self.schedule.at(self.progress())

    def request_rate(self, rate: float, requested_at: float = 0.0) -> None:
        """Make this the learning rate now, see `LearningRate.request`."""
        self.schedule.request(rate, self.progress(), requested_at)

    def skip_time(self) -> None:
        """Exclude the time since the clock was last read: a pause, or time between sessions."""
        now = time.perf_counter()
        self.sums.exclude(now - self.clock_read_at)
        self.clock_read_at = now

    def pass_time(self) -> None:
        """Add the time since the clock was last read to ``elapsed_s``."""
        now = time.perf_counter()
        self.elapsed_s, self.clock_read_at = self.elapsed_s + now - self.clock_read_at, now

    def begin_epoch(self) -> Iterator[Tensor]:
        """Reset the sums of the epoch; returns the batches of this process, as image numbers."""
        self.model.train()
        self.sums = EpochSums(self.device, self.batch_size)
        own = self.order()[self.rank :: self.world]
        share = self.batch_size // self.world
        return (own[i * share : (i + 1) * share] for i in range(self.steps_per_epoch))

    def autocast(self) -> AbstractContextManager:
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def order(self) -> Tensor:
        """Image numbers in the order of this epoch, see `Batches.order`."""
        return self.batches.order(self.epoch, self.rank)

    def train_step(self, chosen: Tensor) -> Tensor:
        """One optimizer step on the images with these numbers (B,); returns their reconstruction
        loss, on the device."""
        target = self.batches.clean(chosen)
        x, keep, normal = self.batches.drawn(target)
        with self.autocast():
            step = self.network(x, keep, normal)
        loss, error, kl = self.objective.losses(step, target, keep)
        self.follow_mean_code(step.mean.detach().float())
        rate = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.config.clip:
            self.clipper.clip(self.model.parameters())
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.step += 1
        self.sums.add(error, kl, rate)
        return error

    @torch.no_grad()
    def follow_mean_code(self, codes: Tensor) -> None:
        """Move the model's mean code toward the mean of a batch (N, latent_dim): at first the mean
        of all batches, then a running mean of the latest ones."""
        share = max(1 / (self.step + 1), FOLLOW)
        self.model.code_mean.lerp_(codes.mean(dim=0), share)

    def validate(self) -> tuple[float, float]:
        """(loss, PSNR in dB) of the model to deliver, see `Validation.measure`."""
        loss, psnr, self.evaluation_s = self.validation.measure(self.result, self.heartbeat)
        return loss, psnr

    def end_epoch(self) -> EpochRecord:
        """Validate and count the epoch. Where it diverged (``not record.is_finite``) nothing is
        counted: the trainer stays at the last good epoch."""
        loss = self.sums.mean_loss()  # waits for the device, so it comes before the speed
        speed = self.sums.images_per_s()
        val_loss, val_psnr = self.validate()
        kl = self.sums.mean_kl()
        self._share_time()
        record = EpochRecord(
            self.epoch + 1, self.step, loss, val_loss, val_psnr, self.learning_rate(), speed,
            self.elapsed_s, memory_mb(self.device), noise.validation_noise(self.config), kl,
        )  # fmt: skip
        if record.is_finite:
            self.epoch = record.epoch
            self.bad_epochs = 0 if val_psnr > self.best_psnr else self.bad_epochs + 1
            self.best_psnr = max(val_psnr, self.best_psnr)
        return record

    def _share_time(self) -> None:
        """Pass the time; every process counts that of rank 0."""
        self.pass_time()
        if self.world > 1:
            elapsed = torch.tensor(self.elapsed_s, device=self.device, dtype=torch.float64)
            dist.broadcast(elapsed, 0)
            self.elapsed_s = elapsed.item()

    def state(self) -> dict[str, Any]:
        """Everything a bit-exact continuation needs; tensors and plain values only."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch, "step": self.step, "bad_epochs": self.bad_epochs,
            "best_psnr": self.best_psnr, "elapsed_s": self.elapsed_s,
            **self.schedule.state(),
            "val_noise": noise.validation_noise(self.config),
            "usual_length": self.clipper.mean_norm,
            **self.objective.state(),
            "threads": torch.get_num_threads(),
            "torch_rng": torch.get_rng_state(),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from ``state()``, bit for bit where as many threads are allowed as before."""
        # sums are split by thread; threads that share a core wait for each other, 20 times slower
        torch.set_num_threads(min(state["threads"], torch.get_num_threads()))
        # states of older versions have no mean code: it is computed from here on
        self.model.load_state_dict({"code_mean": self.model.code_mean} | state["model"])
        if self.average:
            before = {"module.code_mean": self.average.module.code_mean}
            self.average.load_state_dict(before | state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name in ("epoch", "step", "bad_epochs", "best_psnr", "elapsed_s"):
            setattr(self, name, state[name])
        self.schedule.restore(state)
        self.objective.restore(state, self.device)
        norm = state.get("usual_length")
        self.clipper.mean_norm = None if norm is None else norm.to(self.device)
        torch.set_rng_state(state["torch_rng"])
        self.remeasured = state.get("val_noise", 0.0) != noise.validation_noise(self.config)
        if self.remeasured:  # by an older version, whose best was measured without noise
            self.best_psnr, self.bad_epochs = self.validate()[1], 0
