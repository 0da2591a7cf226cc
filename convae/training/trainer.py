"""A model in training: its images on the device, one step, one validation, and its whole state.

Fast by construction: all images stay on the device as uint8; each batch is drawn, flipped and
scaled there; nothing waits for the device within a step; there are no worker processes.
"""

import math
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convae.config import TrainConfig
from convae.errors import ConfigError
from convae.evaluation import metrics
from convae.models.architectures import MAX_PARAMETERS, VALUES, count_parameters
from convae.models.autoencoder import BATCH, ConvAutoencoder
from convae.models.devices import pick_device, pick_layout, pick_precision, world
from convae.training import nested_dropout, noise, variational
from convae.training.forward import Step, TrainingPass
from convae.training.optim import (
    learning_rate_share,
    loss_of,
    loss_per_image,
    make_optimizer,
    remaining_share,
)

FOLLOW = 0.02  # share of the latest batch in a running mean


def shared_batch_size(config: TrainConfig, images: int) -> int:
    """Images per step over all processes, where there are so many images to train on.

    ConfigError where the processes cannot share a batch equally. Every process finds the same, so
    it is asked before they meet: one that waits for a group never learns why the other ended.
    """
    _, processes = world()
    size = min(config.batch_size, images)
    if rest := size % processes:
        which = "" if size == config.batch_size else ", all training images"
        raise ConfigError(
            f"`batch_size` (={size}{which}) must be divisible by the number of processes "
            f"(={processes}): choose for example {max(size - rest, processes)}."
        )
    return size


class Trainer:
    """A model, its optimizer and where they are: all that resume needs is in ``state()``."""

    def __init__(self, config: TrainConfig, images: np.ndarray, validation: np.ndarray):
        """images uint8 (N, 32, 32, 3), N >= 2; validation uint8 (M, 32, 32, 3), M >= 1.

        With ``noise_std`` the validation input gets noise, too: the same at each epoch, in each
        training session and on any device.
        """
        self.config = config
        self.rank, self.world = world()
        self.device = pick_device(config.device)
        self.precision = pick_precision(config.precision, self.device)
        self.layout = pick_layout(self.device)
        self.batch_size = shared_batch_size(config, len(images))
        parameters = count_parameters(config.model)
        if parameters > MAX_PARAMETERS:
            raise ConfigError(
                f"This model has {parameters:,} parameters, more than {MAX_PARAMETERS:,}: take a "
                "smaller `latent_dim` or `base_channels`."
            )
        # sums are split by thread; once set, the count no longer varies with the size of a matrix,
        # in a new run as in a resumed one
        torch.set_num_threads(torch.get_num_threads())
        torch.manual_seed(config.seed)
        np.random.seed(config.seed % 2**32)
        random.seed(config.seed)
        self.model = ConvAutoencoder(config.model)
        self.data = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        self.validation = torch.from_numpy(np.ascontiguousarray(validation)).to(self.device)
        self.validation_inputs = [self.validation]
        if config.noise_std:
            self.validation_inputs = [
                torch.from_numpy(noisy).to(self.device)
                for noisy in noise.validation_inputs(validation, config)
            ]
        self.steps_per_epoch = len(images) // self.batch_size
        self.epoch = self.step = self.bad_epochs = 0
        self.best_psnr = -math.inf
        self.remeasured = False  # was best_psnr, on resume, of clean input and measured again?
        self.elapsed_s = 0.0
        self.evaluation_s = 0.0  # per image, refinement included; 0: not measured yet
        self.test_images = 0  # to be measured once the training is over
        self.asked_rate = 0.0  # the learning rate that the user asked for; 0: as scheduled
        self.asked_share = 1.0  # what was left of the schedule then
        self.asked_at = 0.0  # which request that was
        self.highest_rate = 0.0  # of this epoch's steps
        self.usual_length: Tensor | None = None  # of the gradient
        self.length_weights: Tensor | None = None  # (latent_dim,), see `nested_dropout`
        self.running_error: Tensor | None = None  # of a variational model's reconstructions
        self.kl_sum = torch.zeros((), device=self.device)  # nats per image, over the epoch's steps
        self.forget_time()
        self.noise = torch.Generator(self.device)
        self.heartbeat: Callable[[], object] = lambda: None  # called within long computations

    def begin(self) -> None:
        """Move the model to the device and make its optimizer; call after any change of weights."""
        if self.model.code_mean is None:
            self.model.code_mean = torch.zeros(self.config.model.latent_dim)
        self.model.to(self.device, memory_format=self.layout)
        self.optimizer = make_optimizer(self.config, self.model, self.device)
        self.average = None
        if decay := self.config.ema_decay:
            self.average = AveragedModel(
                self.model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
            )
        self.network: nn.Module = TrainingPass(self.model)
        if self.world > 1:
            self.network = DistributedDataParallel(self.network)

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
        """The rate of the next step: as scheduled, or what was asked for and its decay since."""
        schedule, progress = self.config.schedule, self.progress()
        if not self.asked_rate:
            return self.config.learning_rate * learning_rate_share(schedule, progress)
        left = remaining_share(schedule, progress)
        return self.asked_rate * min(left / self.asked_share, 1.0)

    def ask_rate(self, rate: float, asked_at: float = 0.0) -> None:
        """Make this the learning rate now. It decays with the rest of the schedule and never
        rises above `rate`, not even in a warm-up; 0 returns to the schedule. `asked_at` tells
        one request from the next."""
        self.asked_rate, self.asked_at = rate, asked_at
        self.asked_share = max(remaining_share(self.config.schedule, self.progress()), 1e-12)

    def forget_time(self) -> None:
        """What passed since the last look does not count: a pause, or time between two sittings."""
        self.looked_at = time.perf_counter()

    def pass_time(self) -> None:
        now = time.perf_counter()
        self.elapsed_s, self.looked_at = self.elapsed_s + now - self.looked_at, now

    def order(self) -> Tensor:
        """This epoch's order of the images: a function of seed and epoch alone, on any device."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
        self.noise.manual_seed((self.config.seed * 1_000_003 + self.epoch) * 64 + self.rank)
        return torch.randperm(len(self.data), generator=generator).to(self.device)

    def batch(self, chosen: Tensor) -> Tensor:
        """float32 (B, 3, 32, 32) in [0, 1]; the order is random, so its first half is one too."""
        x = self.data[chosen]
        if self.config.flip:
            half = len(x) // 2
            x = torch.cat([x[:half].flip(2), x[half:]])
        # (N, 32, 32, 3) seen as (N, 3, 32, 32) is channels_last already: no copy is made for it
        return x.permute(0, 3, 1, 2).to(torch.float32, memory_format=self.layout).div_(255)

    def autocast(self) -> AbstractContextManager:
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def train_step(self, chosen: Tensor) -> Tensor:
        target = self.batch(chosen)
        x = target
        if self.config.noise_std:
            x = noise.corrupted_batch(x, self.config, self.noise)
        keep, draw, model = None, None, self.config.model
        if model.nested_dropout:
            keep = nested_dropout.draw_lengths(
                len(x), model.latent_dim, self.noise,
                self.config.full_code_share, self.config.shortest_code,
            )  # fmt: skip
        if model.variational:
            draw = torch.empty(len(x), model.latent_dim, device=self.device)
            draw.normal_(generator=self.noise)
        with self.autocast():
            step = self.network(x, keep, draw)
        error = loss = self.reconstruction_loss(step.rebuilt.float(), target, keep)
        if step.log_variance is not None:
            loss = error + self.kl_loss(step, error.detach())
        self.follow_mean_code(step.mean.detach().float())
        rate = self.learning_rate()
        self.highest_rate = max(rate, self.highest_rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.config.clip:
            self.clip_gradients()
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.step += 1
        return error.detach()

    def reconstruction_loss(self, rebuilt: Tensor, target: Tensor, keep: Tensor | None) -> Tensor:
        """The configured loss; with nested dropout each image weighs by the length of its code."""
        if keep is None:
            return loss_of(self.config.loss, rebuilt, target)
        if self.length_weights is None:
            raise RuntimeError("Set length_weights before a training with nested dropout.")
        errors = loss_per_image(self.config.loss, rebuilt, target)
        return (self.length_weights[keep - 1] * errors).mean()

    def kl_loss(self, step: Step, error: Tensor) -> Tensor:
        """The weighted KL divergence of a variational model, on the scale of the loss."""
        if self.running_error is None:
            self.running_error = error.clone()
        self.running_error.lerp_(error, FOLLOW)
        kl = variational.kl_to_standard_normal(step.mean, step.log_variance).mean()
        self.kl_sum += kl.detach()
        share = variational.kl_share(self.config.loss, self.running_error, VALUES)
        return self.config.kl_weight * share * kl

    @torch.no_grad()
    def follow_mean_code(self, codes: Tensor) -> None:
        """Move the model's mean code toward the mean of a batch (N, latent_dim): at first the mean
        of all batches, then of the last ones."""
        share = max(1 / (self.step + 1), FOLLOW)
        self.model.code_mean.lerp_(codes.mean(dim=0), share)

    @torch.no_grad()
    def clip_gradients(self) -> None:
        """Cut the gradient to ``clip`` times the running mean of its length, without waiting for
        the device. One bad batch at a high rate could otherwise undo epochs (measured: it did)."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        length = nn.utils.get_total_norm(gradients)
        if self.usual_length is None:
            self.usual_length = length.clone()
        shorten = (self.config.clip * self.usual_length / (length + 1e-20)).clamp(max=1.0)
        torch._foreach_mul_(gradients, shorten)
        self.usual_length.lerp_(length * shorten, 0.02)

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """(loss, PSNR in dB over the validation set, at most EXACT_DB), without flips.

        With ``noise_std`` it is the denoising PSNR: noisy input, clean target. With ``noise_range``
        both are means over the levels of `noise.validation_sigmas`.
        """
        model, count = self.result, len(self.validation)
        was_training, began = model.training, time.perf_counter()
        model.eval()
        losses, psnrs = [], []
        for noisy in self.validation_inputs:
            loss, squared = 0.0, 0.0
            for start in range(0, count, BATCH):
                x, given = (
                    images[start : start + BATCH]
                    .permute(0, 3, 1, 2)
                    .to(torch.float32, memory_format=self.layout)
                    .div_(255)
                    for images in (self.validation, noisy)
                )
                rebuilt = model(given)
                loss += loss_of(self.config.loss, rebuilt, x).item() * len(x)
                squared += F.mse_loss(rebuilt.clamp(0, 1), x).item() * len(x)
                self.heartbeat()
            losses.append(loss / count)
            psnrs.append(metrics.capped_psnr(squared / count))
        model.train(was_training)
        self.evaluation_s = (time.perf_counter() - began) / (count * len(psnrs))
        return sum(losses) / len(losses), sum(psnrs) / len(psnrs)

    def state(self) -> dict:
        """Everything a bit-exact continuation needs; tensors and plain values only."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch, "step": self.step, "bad_epochs": self.bad_epochs,
            "best_psnr": self.best_psnr, "elapsed_s": self.elapsed_s,
            "asked_rate": self.asked_rate, "asked_share": self.asked_share,
            "asked_at": self.asked_at, "epochs": self.config.epochs,
            "val_noise": noise.validation_noise(self.config),
            "usual_length": self.usual_length,
            "length_weights": self.length_weights,
            "running_error": self.running_error,
            "threads": torch.get_num_threads(),
            "torch_rng": torch.get_rng_state(),
        }  # fmt: skip

    def restore(self, state: dict) -> None:
        """Continue from ``state()``; call after ``begin``."""
        torch.set_num_threads(state["threads"])  # sums are split by thread: same count, same bits
        # states of older versions have no mean code: it is followed from here on
        self.model.load_state_dict({"code_mean": self.model.code_mean} | state["model"])
        if self.average:
            before = {"module.code_mean": self.average.module.code_mean}
            self.average.load_state_dict(before | state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name in ("epoch", "step", "bad_epochs", "best_psnr", "elapsed_s"):
            setattr(self, name, state[name])
        for name in ("asked_rate", "asked_share", "asked_at"):
            setattr(self, name, state.get(name, getattr(self, name)))
        if state.get("epochs") != self.config.epochs:
            self.asked_rate = 0.0  # another schedule: what was asked of the old one is over
        for name in ("usual_length", "length_weights", "running_error"):
            value = state.get(name)
            setattr(self, name, None if value is None else value.to(self.device))
        torch.set_rng_state(state["torch_rng"])
        self.remeasured = state.get("val_noise", 0.0) != noise.validation_noise(self.config)
        if self.remeasured:  # by an older version, whose best was measured without noise
            self.best_psnr, self.bad_epochs = self.validate()[1], 0
