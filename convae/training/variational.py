"""The KL divergence of a variational autoencoder (Kingma and Welling 2013) and its weight."""

import torch
from torch import Tensor

LOG_VARIANCE = (-12.0, 6.0)  # bounds of the log-variance: beyond them gradients are useless


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Codes (N, d) drawn from N(mean, exp(log_variance)) by noise (N, d) from N(0, 1)."""
    return mean + (log_variance / 2).exp() * noise


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence from N(mean, exp(log_variance)) to N(0, I), in nats per image: (N, d) each ->
    (N,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def kl_share(loss: str, running_error: Tensor, values: int) -> Tensor:
    """Weight of one nat per image relative to a reconstruction loss, a mean over `values` values.

    The reconstruction term of the evidence bound is values * mse / (2 s^2) for Gaussian pixels and
    values * l1 / s for Laplace ones. Their scale s is taken from the running error itself, so that
    both terms stay in balance while the error falls (Asperti and Trentin 2020). Cross-entropy is in
    nats already.
    """
    if loss == "bce":
        return torch.full_like(running_error, 1 / values)
    return (2 if loss == "mse" else 1) * running_error / values
