"""Gradient clipping relative to the running mean of the gradient norm."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MEAN_SHARE = 0.02  # of the latest norm in the running mean


class GradientClipper:
    """Clips the gradient norm at `limit` times its running mean.

    One bad batch at a high learning rate could otherwise undo epochs (measured). Works on the
    device, without a synchronization. mean_norm: None before the first step.
    """

    def __init__(self, limit: float):
        self.limit = limit
        self.mean_norm: Tensor | None = None

    @torch.no_grad()
    def clip(self, parameters: Iterable[nn.Parameter]) -> None:
        """Scale the gradients of the parameters in place."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if self.mean_norm is None:
            self.mean_norm = norm.clone()
        scale = (self.limit * self.mean_norm / (norm + 1e-20)).clamp(max=1.0)
        torch._foreach_mul_(gradients, scale)
        self.mean_norm.lerp_(norm * scale, MEAN_SHARE)
