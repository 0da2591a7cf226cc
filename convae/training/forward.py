"""The forward pass in training: with sampled codes (variational) and nested dropout."""

from typing import NamedTuple

from torch import Tensor, nn

from convae.models.autoencoder import ConvAutoencoder
from convae.training import variational


class Step(NamedTuple):
    """The output of the network for a batch of N images in training."""

    rebuilt: Tensor  # (N, 3, 32, 32)
    mean: Tensor  # (N, latent_dim): the codes, before noise and nested dropout
    log_variance: Tensor | None  # (N, latent_dim) where the model is variational


class TrainingPass(nn.Module):
    """From a batch to its reconstruction, with what happens in training only. It is one module, so
    that DistributedDataParallel can wrap it."""

    def __init__(self, model: ConvAutoencoder):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, keep: Tensor | None, draw: Tensor | None) -> Step:
        """x: (N, 3, 32, 32). keep (N,): code lengths (nested dropout). draw (N, latent_dim) ~
        N(0, 1): the noise of a variational code."""
        model = self.model
        mean = z = model.encoder_output(x)
        log_variance = None
        if model.log_variance is not None:
            mean = mean.float()
            log_variance = model.log_variance(mean).float().clamp(*variational.LOG_VARIANCE)
            z = variational.sample(mean, log_variance, draw)
        return Step(model.g(z, keep), mean, log_variance)
