"""The quantity that is minimized: the reconstruction loss and, for a variational model, the KL
divergence."""

from typing import Any

import torch
from torch import Tensor

from convae.config import TrainConfig
from convae.models.architectures import VALUES
from convae.training import variational
from convae.training.forward import Step
from convae.training.optim import loss_of, loss_per_image

FOLLOW = 0.02  # share of the latest batch in the running error


class Objective:
    """The loss of a batch.

    length_weights: float32 (latent_dim,), see `nested_dropout.length_weights`; required with nested
    dropout. running_error: running mean of a variational model's reconstruction loss.
    """

    def __init__(self, config: TrainConfig, length_weights: Tensor | None = None):
        self.config, self.length_weights = config, length_weights
        self.running_error: Tensor | None = None

    def losses(
        self, step: Step, target: Tensor, keep: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """(total loss, reconstruction loss, KL divergence in nats per image or None), scalars.

        target: (B, 3, 32, 32), keep: code lengths (B,). The last two carry no gradient.
        """
        error = self._reconstruction(step.rebuilt.float(), target, keep)
        if step.log_variance is None:
            return error, error.detach(), None
        kl = variational.kl_to_standard_normal(step.mean, step.log_variance).mean()
        return error + self._kl_weight(error.detach()) * kl, error.detach(), kl.detach()

    def _reconstruction(self, rebuilt: Tensor, target: Tensor, keep: Tensor | None) -> Tensor:
        """The configured loss; with nested dropout each image is weighted by its code length."""
        if keep is None:
            return loss_of(self.config.loss, rebuilt, target)
        if self.length_weights is None:
            raise RuntimeError("Set length_weights before a training with nested dropout.")
        errors = loss_per_image(self.config.loss, rebuilt, target)
        return (self.length_weights[keep - 1] * errors).mean()

    def _kl_weight(self, error: Tensor) -> Tensor:
        if self.running_error is None:
            self.running_error = error.clone()
        self.running_error.lerp_(error, FOLLOW)
        share = variational.kl_share(self.config.loss, self.running_error, VALUES)
        return self.config.kl_weight * share

    def state(self) -> dict[str, Any]:
        """Tensors or None, a part of `Trainer.state`."""
        return {"length_weights": self.length_weights, "running_error": self.running_error}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Continue from `state`; keys that an older version did not save are None."""
        for name in self.state():
            value = state.get(name)
            setattr(self, name, None if value is None else value.to(device))
