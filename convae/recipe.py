"""What is minimised, and how: losses, optimizers, schedules."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convae.config import TrainConfig

WARM_UP = 0.05  # share of a onecycle run in which the rate rises
LINEAR_RATE = 0.05  # the linear code's share of the learning rate: with more it first unlearns PCA


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
    return max(min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP)), 1e-4)


def remaining_share(schedule: str, progress: float) -> float:
    """The highest share from here to the end of the schedule; it never rises with progress."""
    if schedule == "onecycle":
        progress = max(progress, WARM_UP)
    return learning_rate_share(schedule, progress)


def make_optimizer(
    config: TrainConfig, model: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD, fused where the device can. A group's ``share`` scales its rate.

    The linear code of `residual` learns slowly and without decay, which would pull it away from PCA
    and towards nothing.
    """
    slow, fast = [], []
    for name, parameter in model.named_parameters():
        (slow if ".linear." in name else fast).append(parameter)
    groups = [{"params": fast, "share": 1.0}]
    if slow:
        groups.append({"params": slow, "share": LINEAR_RATE, "weight_decay": 0.0})
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    extra = {"momentum": config.momentum} if config.optimizer == "sgd" else {}
    if config.optimizer != "sgd" and config.model.architecture == "classic":
        extra["eps"] = 1e-7  # Keras' default
    elif config.optimizer != "sgd":
        extra["betas"] = (0.9, 0.99)  # without normalisation layers, a short memory is a calm one
    return kind[config.optimizer](
        groups, lr=config.learning_rate, weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"), **extra,
    )  # fmt: skip
