"""The training loop: ``fit`` is a generator of what happens, and nothing else.

Fast by construction: all images stay on the device as uint8, each batch is drawn, flipped and
scaled there, the loss is read once a tick instead of once a step, and there are no worker
processes. Under torchrun the same loop runs on every process: each takes its share of every batch,
and gradients are averaged (DistributedDataParallel), so the loss follows the one-process run.
"""

import math
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convae.config import TrainConfig
from convae.errors import ConfigError
from convae.model import MAX_PARAMETERS, ConvAutoencoder, count_parameters

TICK_S = 0.25  # how often progress is told and requests are read
LINEAR_RATE = 0.05  # the linear code's share of the learning rate: with more it first unlearns PCA


class EpochRecord(NamedTuple):
    """One pass over the training images; losses are of the configured kind, per value."""

    epoch: int
    step: int
    train_loss: float
    val_loss: float
    val_psnr: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    memory_mb: float


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
    """What the user wants of a run right now; ``learning_rate`` 0 means as scheduled."""

    stop: bool = False
    pause: bool = False
    learning_rate: float = 0.0


def pick_device(wanted: str) -> torch.device:
    """auto -> cuda, mps, cpu, in this order; ConfigError if a named one is absent."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next((name for name, here in present.items() if here), "cpu")
    if not present.get(wanted, True):
        raise ConfigError(f"`device` (={wanted}) is not on this machine; auto or cpu will work.")
    if wanted == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device(wanted)


def pick_precision(wanted: str, device: torch.device) -> torch.dtype:
    """auto -> bfloat16 where the device multiplies it natively: a rule, not a timing, so that the
    same command gives the same weights. Measured in benchmarks/RESULTS.md."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bf16" else torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        able = torch.cpu.get_capabilities()
        native = able.get("avx512_bf16", False) or able.get("amx_bf16", False)
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


def pick_layout(architecture: str, device: torch.device) -> torch.memory_format:
    """channels_last where it pays: on every GPU, and on the CPU for all but `strided`."""
    if device.type == "cpu" and architecture == "strided":
        return torch.contiguous_format
    return torch.channels_last if device.type != "mps" else torch.contiguous_format


def loss_of(kind: str, rebuilt: Tensor, target: Tensor) -> Tensor:
    """Mean over all values; target in [0, 1].

    bce is binary cross-entropy with soft targets. It is not defined outside [0, 1], where a model
    with a linear output may be: there the value is clamped and the excess punished by its square.
    """
    if kind == "mse":
        return F.mse_loss(rebuilt, target)
    if kind == "l1":
        return F.l1_loss(rebuilt, target)
    inside = rebuilt.clamp(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(inside, target) + (rebuilt - inside).square().mean()


def learning_rate_share(schedule: str, progress: float) -> float:
    """The schedule as a share of its peak, for progress in [0, 1]."""
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    warm_up = 0.05
    return max(min(progress / warm_up, (1 - progress) / (1 - warm_up)), 1e-4)


def world() -> tuple[int, int]:
    """(rank, processes) as torchrun says; (0, 1) without it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def memory_mb(device: torch.device) -> float:
    """Peak memory so far: allocated on a GPU, resident on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class Trainer:
    """A model, its optimizer and where they are: all that resume needs is in ``state()``."""

    def __init__(self, config: TrainConfig, images: np.ndarray, validation: np.ndarray):
        """images uint8 (N, 32, 32, 3), N >= 2; validation uint8 (M, 32, 32, 3), M >= 1."""
        self.config = config
        self.rank, self.world = world()
        self.device = pick_device(config.device)
        self.precision = pick_precision(config.precision, self.device)
        self.layout = pick_layout(config.model.architecture, self.device)
        self.batch_size = min(config.batch_size, len(images))
        if self.batch_size % self.world:
            raise ConfigError(
                f"`batch_size` (={self.batch_size}) must be divisible by the number of "
                f"processes (={self.world})."
            )
        parameters = count_parameters(config.model)
        if parameters > MAX_PARAMETERS:
            raise ConfigError(
                f"This model has {parameters:,} parameters, more than {MAX_PARAMETERS:,}: take a "
                "smaller `latent_dim` or `base_channels`."
            )
        torch.manual_seed(config.seed)
        np.random.seed(config.seed % 2**32)
        random.seed(config.seed)
        self.model = ConvAutoencoder(config.model)
        self.data = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        self.validation = torch.from_numpy(np.ascontiguousarray(validation)).to(self.device)
        self.steps_per_epoch = len(images) // self.batch_size
        self.epoch = self.step = self.bad_epochs = 0
        self.best_psnr = -math.inf
        self.elapsed_s, self.rate_factor = 0.0, 1.0
        self.noise = torch.Generator(self.device)

    def begin(self) -> None:
        """Move the model to the device and make its optimizer; call after any change of weights."""
        self.model.to(self.device, memory_format=self.layout)
        c, slow, fast = self.config, [], []
        for name, parameter in self.model.named_parameters():
            (slow if ".linear." in name else fast).append(parameter)
        groups = [{"params": fast, "share": 1.0}]
        if slow:  # decay would pull the linear code away from PCA, towards nothing
            groups.append({"params": slow, "share": LINEAR_RATE, "weight_decay": 0.0})
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        extra = {"momentum": c.momentum} if c.optimizer == "sgd" else {}
        if c.optimizer != "sgd" and c.model.architecture == "classic":
            extra["eps"] = 1e-7  # Keras' default
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = kind[c.optimizer](
            groups, lr=c.learning_rate, weight_decay=c.weight_decay, fused=fused, **extra
        )
        self.average = None
        if c.ema_decay:
            self.average = AveragedModel(
                self.model, multi_avg_fn=get_ema_multi_avg_fn(c.ema_decay), use_buffers=True
            )
        self.network: nn.Module = self.model
        if self.world > 1:
            self.network = DistributedDataParallel(self.model)

    @property
    def result(self) -> ConvAutoencoder:
        """The model to deliver: the average of the weights where one is kept."""
        return self.average.module if self.average else self.model

    @property
    def total_steps(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    def progress(self) -> float:
        """How much of the run is over, in [0, 1]: by time where there is a time budget."""
        if self.config.time_budget_s:
            return min(self.elapsed_s / self.config.time_budget_s, 1.0)
        return min(self.step / self.total_steps, 1.0)

    def learning_rate(self) -> float:
        share = learning_rate_share(self.config.schedule, self.progress())
        return self.config.learning_rate * self.rate_factor * share

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

    def autocast(self):
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def train_step(self, chosen: Tensor) -> Tensor:
        target = self.batch(chosen)
        x = target
        if self.config.noise_std:
            noise = torch.empty_like(x).normal_(0, self.config.noise_std, generator=self.noise)
            x = (x + noise).clamp_(0, 1)
        with self.autocast():
            rebuilt = self.network(x)
        loss = loss_of(self.config.loss, rebuilt.float(), target)
        rate = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.step += 1
        return loss.detach()

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """(loss, PSNR in dB over the whole validation set), float32, without flips or noise."""
        model, loss, squared, count = self.result, 0.0, 0.0, len(self.validation)
        was_training = model.training
        model.eval()
        for start in range(0, count, 500):
            part = self.validation[start : start + 500]
            x = part.permute(0, 3, 1, 2).to(torch.float32, memory_format=self.layout).div_(255)
            rebuilt = model(x)
            loss += loss_of(self.config.loss, rebuilt, x).item() * len(x)
            squared += F.mse_loss(rebuilt.clamp(0, 1), x).item() * len(x)
        model.train(was_training)
        error = squared / count
        psnr = 10 * math.log10(1 / error) if error > 0 else math.inf
        return loss / count, psnr if math.isfinite(error) else -math.inf

    def state(self) -> dict:
        """Everything a bit-exact continuation needs; tensors and plain values only."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch, "step": self.step, "bad_epochs": self.bad_epochs,
            "best_psnr": self.best_psnr, "elapsed_s": self.elapsed_s,
            "rate_factor": self.rate_factor, "threads": torch.get_num_threads(),
            "torch_rng": torch.get_rng_state(),
        }  # fmt: skip

    def restore(self, state: dict) -> None:
        """Continue from ``state()``; call after ``begin``."""
        torch.set_num_threads(state["threads"])  # sums are split by thread: same count, same bits
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name in ("epoch", "step", "bad_epochs", "best_psnr", "elapsed_s", "rate_factor"):
            setattr(self, name, state[name])
        torch.set_rng_state(state["torch_rng"])


def _shared_requests(trainer: Trainer, read: Callable[[], Requests]) -> Requests:
    """What rank 0 reads, known to every process."""
    if trainer.world == 1:
        return read()
    wish = read() if trainer.rank == 0 else Requests()
    told = torch.tensor(
        [float(wish.stop), float(wish.pause), wish.learning_rate, trainer.elapsed_s],
        device=trainer.device, dtype=torch.float64,
    )  # fmt: skip
    dist.broadcast(told, 0)
    trainer.elapsed_s = told[3].item()
    return Requests(bool(told[0]), bool(told[1]), told[2].item())


def diverged(trainer: Trainer) -> Ended:
    return Ended(
        "diverged",
        f"Diverged at step {trainer.step}: the loss is no longer a number. The last good epoch is "
        "kept; try a smaller learning rate.",
    )


def fit(
    trainer: Trainer, requests: Callable[[], Requests] = Requests
) -> Iterator[Progress | EpochRecord | Event | Ended]:
    """Train until the end of the schedule, a stop request or a bad end; the last item is ``Ended``.

    At each EpochRecord the trainer stands at the end of that epoch, ready to be saved; its model is
    the best so far where ``record.val_psnr == trainer.best_psnr``. An epoch cut short by a stop
    counts as one; the schedule goes by steps. A learning rate that is asked for becomes the rate at
    this moment; the schedule goes on from there.
    """
    c, clock, asked_rate = trainer.config, time.perf_counter(), 0.0
    while trainer.progress() < 1:
        order = trainer.order()
        mine = order.view(-1)[trainer.rank :: trainer.world]
        share = trainer.batch_size // trainer.world
        total, taken = torch.zeros((), device=trainer.device), 0
        began, last = time.perf_counter(), 0.0
        paused_s, stop = 0.0, False
        trainer.model.train()
        for i in range(trainer.steps_per_epoch):
            now = time.perf_counter()
            trainer.elapsed_s, clock = trainer.elapsed_s + now - clock, now
            due = now - last > TICK_S if trainer.world == 1 else i % 10 == 0
            if due:
                last = now
                wish = _shared_requests(trainer, requests)
                if wish.learning_rate and wish.learning_rate != asked_rate:
                    asked_rate = wish.learning_rate
                    trainer.rate_factor *= asked_rate / max(trainer.learning_rate(), 1e-12)
                    yield Event(trainer.epoch + 1, trainer.step, f"learning rate {asked_rate:g}")
                if wish.pause and not wish.stop:
                    yield Event(trainer.epoch + 1, trainer.step, "paused")
                    while wish.pause and not wish.stop:
                        time.sleep(TICK_S / 2)
                        wish = _shared_requests(trainer, requests)
                    paused_s += time.perf_counter() - now
                    clock = time.perf_counter()
                    yield Event(trainer.epoch + 1, trainer.step, "went on")
                stop = wish.stop
                if stop or trainer.progress() >= 1:
                    break
                if taken:
                    loss = (total / taken).item()
                    if not math.isfinite(loss):
                        yield diverged(trainer)
                        return
                    speed = taken * trainer.batch_size / (time.perf_counter() - began - paused_s)
                    done = max(trainer.progress(), 1e-9)
                    left = (trainer.total_steps - trainer.step) * trainer.batch_size / speed
                    if c.time_budget_s:
                        left = c.time_budget_s * (1 - done)
                    yield Progress(
                        trainer.epoch + 1, trainer.step, trainer.total_steps, loss,
                        trainer.learning_rate(), speed, trainer.elapsed_s, left,
                    )  # fmt: skip
            if not c.time_budget_s and trainer.step >= trainer.total_steps:
                break  # a run that was stopped inside an epoch ends inside one
            total += trainer.train_step(mine[i * share : (i + 1) * share])
            taken += 1
        loss = (total / max(taken, 1)).item()
        if not math.isfinite(loss):
            yield diverged(trainer)
            return
        speed = taken * trainer.batch_size / max(time.perf_counter() - began - paused_s, 1e-9)
        rate = trainer.learning_rate()
        trainer.epoch += 1
        val_loss, val_psnr = trainer.validate()
        now = time.perf_counter()
        trainer.elapsed_s, clock = trainer.elapsed_s + now - clock, now
        if not math.isfinite(val_psnr) and val_psnr < 0 or not math.isfinite(val_loss):
            yield diverged(trainer)
            return
        trainer.bad_epochs = 0 if val_psnr > trainer.best_psnr else trainer.bad_epochs + 1
        trainer.best_psnr = max(val_psnr, trainer.best_psnr)
        if taken:
            yield EpochRecord(
                trainer.epoch, trainer.step, loss, val_loss, val_psnr, rate, speed,
                trainer.elapsed_s, memory_mb(trainer.device),
            )  # fmt: skip
        if stop and trainer.progress() < 1:
            yield Ended("stopped", f"Stopped on request in epoch {trainer.epoch}.")
            return
        if c.patience and trainer.bad_epochs >= c.patience:
            yield Ended("done", f"No better for {c.patience} epochs: stopped early.")
            return
    yield Ended("done", f"Trained for {trainer.epoch} epochs.")
