"""Losses and optimizers."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convae.config import TrainConfig

LINEAR_RATE = 0.05  # the linear code's share of the learning rate: more first loses PCA


def loss_of(kind: str, rebuilt: Tensor, target: Tensor) -> Tensor:
    """Mean over all values; target in [0, 1].

    bce is binary cross-entropy with soft targets. It is not defined outside [0, 1], where a model
    with a linear output may be: there the value is clamped and the square of the excess is added.
    """
    if kind == "mse":
        return F.mse_loss(rebuilt, target)
    if kind == "l1":
        return F.l1_loss(rebuilt, target)
    inside = _inside(rebuilt)
    return F.binary_cross_entropy(inside, target) + (rebuilt - inside).square().mean()


def loss_per_image(kind: str, rebuilt: Tensor, target: Tensor) -> Tensor:
    """`loss_of` for each image: (N, 3, 32, 32) twice -> (N,)."""
    if kind == "mse":
        values = (rebuilt - target).square()
    elif kind == "l1":
        values = (rebuilt - target).abs()
    else:
        inside = _inside(rebuilt)
        values = F.binary_cross_entropy(inside, target, reduction="none")
        values = values + (rebuilt - inside).square()
    return values.flatten(1).mean(dim=1)


def _inside(rebuilt: Tensor) -> Tensor:
    """The values where binary cross-entropy is defined; where they are not a number, 0.5, as torch
    raises an error for nan. The square of the excess keeps the loss nan: the run has diverged."""
    return rebuilt.clamp(1e-4, 1 - 1e-4).nan_to_num(0.5)


def _eager(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """This optimizer without the decorators that torch.compile needs: with them the first optimizer
    of a process imports torch._dynamo: 1.3 s and 75 MB (torch 2.14)."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


Adam, AdamW, SGD = (_eager(kind) for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD))


class DecoupledSGD(SGD):
    """SGD whose weight decay is decoupled: apart from the gradient and the momentum.

    Groups without ``decoupled_weight_decay``, from a state of an older version, keep L2 decay.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        decays = [group["weight_decay"] for group in self.param_groups]
        try:
            for group, decay in zip(self.param_groups, decays, strict=True):
                if not group.get("decoupled_weight_decay"):
                    continue
                moved = [p for p in group["params"] if p.grad is not None]
                if decay and moved:
                    torch._foreach_mul_(moved, 1 - group["lr"] * decay)
                group["weight_decay"] = 0.0
            return super().step(closure)
        finally:
            for group, decay in zip(self.param_groups, decays, strict=True):
                group["weight_decay"] = decay


def make_optimizer(
    config: TrainConfig, model: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD, fused where the device can. A group's ``share`` scales its rate.

    Weight decay is decoupled for all three: each step multiplies the weights by 1 - rate * decay
    and the decay enters neither the gradient nor the momentum. For adam and adamw that makes the
    same optimizer. A state saved by an older version keeps its L2 decay when it is restored.

    The linear code of `residual` learns slowly and without decay, which would pull it away from PCA
    toward zero.
    """
    slow, fast = [], []
    for name, parameter in model.named_parameters():
        (slow if ".linear." in name else fast).append(parameter)
    groups = [{"params": fast, "share": 1.0}]
    if slow:
        groups.append({"params": slow, "share": LINEAR_RATE, "weight_decay": 0.0})
    kind = {"adam": Adam, "adamw": AdamW, "sgd": DecoupledSGD}
    if config.optimizer == "sgd":
        for group in groups:
            group["decoupled_weight_decay"] = True
    extra = {"momentum": config.momentum} if config.optimizer == "sgd" else {}
    if config.optimizer == "adam":
        extra["decoupled_weight_decay"] = True
    if config.optimizer != "sgd" and config.model.architecture == "classic":
        extra["eps"] = 1e-7  # Keras' default
    elif config.optimizer != "sgd":
        # a shorter second-moment window is more stable without normalization layers
        extra["betas"] = (0.9, 0.99)
    return kind[config.optimizer](
        groups, lr=config.learning_rate, weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"), **extra,
    )  # fmt: skip
