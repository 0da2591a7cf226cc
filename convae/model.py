"""The autoencoders: h = f(x), x^ = g(h). Readable top to bottom; one line per resolution.

A batch is float32 (N, 3, 32, 32) in [0, 1]; z is float32 (N, latent_dim), unbounded; the output is
float32 (N, 3, 32, 32), clamped to [0, 1] wherever it is shown or measured.

classic: the well-known notebook model. Convolutions, max-pooling, a dense ReLU code, up-sampling.

strided: the field's teaching network. Strided convolutions, a linear code, no normalisation.

residual: ours. A linear code (PCA, where training starts from it) carries what a linear code can
carry; the convolutional halves only learn what is left to gain. Their last layers start at zero, so
the model never starts below PCA.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convae import images as pixels
from convae.config import ModelConfig
from convae.errors import ConvaeError

IMAGE_SHAPE = (3, 32, 32)
VALUES = 3 * 32 * 32


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1)


def up(before: int, after: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)


def classic(c: int, d: int) -> tuple[nn.Sequential, nn.Sequential]:
    """1,385,731 trainable parameters at base_channels 32, latent_dim 256; ends in logits."""

    def block(before: int, after: int) -> list[nn.Module]:
        # eps, momentum and slope are Keras' defaults: what the original was trained with
        return [
            conv(before, after),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
        ]

    encoder = nn.Sequential(
        *block(3, c), nn.MaxPool2d(2),  # 32 -> 16
        *block(c, 2 * c), nn.MaxPool2d(2),  # 16 -> 8
        *block(2 * c, 4 * c), nn.MaxPool2d(2),  # 8 -> 4
        nn.Flatten(), nn.Linear(64 * c, d), nn.ReLU(),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(d, 64 * c), nn.ReLU(), nn.Unflatten(1, (4 * c, 4, 4)),
        nn.Upsample(scale_factor=2), *block(4 * c, 4 * c),  # 4 -> 8
        nn.Upsample(scale_factor=2), *block(4 * c, 2 * c),  # 8 -> 16
        nn.Upsample(scale_factor=2), *block(2 * c, c),  # 16 -> 32
        conv(c, 3),
    )  # fmt: skip
    for layer in [*encoder, *decoder]:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)  # Keras' glorot_uniform
            nn.init.zeros_(layer.bias)
    return encoder, decoder


def strided(c: int, d: int) -> tuple[nn.Sequential, nn.Sequential]:
    """468,227 parameters at base_channels 32, latent_dim 128 (UvA Deep Learning tutorial 9)."""
    gelu = nn.GELU
    encoder = nn.Sequential(
        conv(3, c, stride=2), gelu(), conv(c, c), gelu(),  # 32 -> 16
        conv(c, 2 * c, stride=2), gelu(), conv(2 * c, 2 * c), gelu(),  # 16 -> 8
        conv(2 * c, 2 * c, stride=2), gelu(),  # 8 -> 4
        nn.Flatten(), nn.Linear(32 * c, d),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(d, 32 * c), gelu(), nn.Unflatten(1, (2 * c, 4, 4)),
        up(2 * c, 2 * c), gelu(), conv(2 * c, 2 * c), gelu(),  # 4 -> 8
        up(2 * c, c), gelu(), conv(c, c), gelu(),  # 8 -> 16
        up(c, 3),  # 16 -> 32
    )  # fmt: skip
    return encoder, decoder


def residual(c: int, d: int) -> tuple[nn.Sequential, nn.Sequential]:
    """What is learned around the linear code. Resolution moves by pixel (un)shuffle, which costs no
    arithmetic; the width grows as the picture shrinks, so that most weights work on few pixels."""
    act = nn.SiLU
    encoder = nn.Sequential(
        nn.PixelUnshuffle(2), conv(12, c), act(),  # 32 -> 16
        conv(c, 2 * c, stride=2), act(), conv(2 * c, 2 * c), act(),  # 16 -> 8
        conv(2 * c, 4 * c, stride=2), act(), conv(4 * c, 4 * c), act(),  # 8 -> 4
        nn.Flatten(), nn.Linear(64 * c, d),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(d, 64 * c), act(), nn.Unflatten(1, (4 * c, 4, 4)),
        conv(4 * c, 4 * c), act(),
        nn.Conv2d(4 * c, 8 * c, 1), nn.PixelShuffle(2), conv(2 * c, 2 * c), act(),  # 4 -> 8
        nn.Conv2d(2 * c, 4 * c, 1), nn.PixelShuffle(2), conv(c, c), act(),  # 8 -> 16
        conv(c, 12), nn.PixelShuffle(2),  # 16 -> 32
    )  # fmt: skip
    for layer in (encoder[-1], decoder[-2]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return encoder, decoder


ARCHITECTURES = {"classic": classic, "strided": strided, "residual": residual}


class LinearCode(nn.Module):
    """The best code without convolutions: z = E (x - mean), x^ = D z + mean.

    ``from_pca`` makes E and D the principal directions; training then moves them a little.
    """

    def __init__(self, d: int):
        super().__init__()
        start = torch.linalg.qr(torch.randn(VALUES, d, dtype=torch.float64))[0].float()
        self.mean = nn.Parameter(torch.full((VALUES,), 0.5))
        self.encoder = nn.Parameter(start.T.contiguous())
        self.decoder = nn.Parameter(start.contiguous())
        self.register_buffer("spread", torch.ones(()))

    def from_pca(self, mean: np.ndarray, directions: np.ndarray, variances: np.ndarray) -> None:
        """mean (3072,), directions (K, 3072) with K >= 1, variances (K,), pixels in (row, column,
        colour) order. Where K < latent_dim the other rows keep their start."""
        order = torch.arange(VALUES).view(32, 32, 3).permute(2, 0, 1).reshape(-1).numpy()
        count = min(len(directions), len(self.encoder))
        rows = torch.from_numpy(np.ascontiguousarray(directions[:count][:, order]))
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.ascontiguousarray(mean[order])))
            self.encoder[:count] = rows
            self.decoder[:, :count] = rows.T
            spread = float(np.sqrt(np.mean(variances[:count])))
            self.spread.fill_(max(spread, 1e-3))


class ConvAutoencoder(nn.Module):
    """``config.architecture`` with ``config.latent_dim`` values in its code."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.encoder, self.decoder = ARCHITECTURES[config.architecture](
            config.base_channels, config.latent_dim
        )
        self.linear = LinearCode(config.latent_dim) if config.architecture == "residual" else None

    def f(self, x: Tensor) -> Tensor:
        """Encode a batch: (N, 3, 32, 32) in [0, 1] -> z (N, latent_dim)."""
        if self.config.architecture == "classic":
            return self.encoder(x)
        z = self.encoder(2 * x - 1)
        if self.linear is not None:
            flat = x.reshape(len(x), VALUES) - self.linear.mean
            z = z + F.linear(flat, self.linear.encoder)
        return z

    def g(self, z: Tensor) -> Tensor:
        """Decode: z (N, latent_dim) -> (N, 3, 32, 32), near [0, 1] (classic: inside it)."""
        if self.config.architecture == "classic":
            return torch.sigmoid(self.decoder(z).float())
        if self.linear is None:
            return (self.decoder(z).float() + 1) / 2
        base = F.linear(z, self.linear.decoder) + self.linear.mean
        return self.decoder(z / self.linear.spread).float() + base.float().view(-1, *IMAGE_SHAPE)

    def forward(self, x: Tensor) -> Tensor:
        return self.g(self.f(x))

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def encode(self, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> codes float32 (N, latent_dim); the model must be in eval mode."""
        parts = [self.f(x).float().cpu().numpy() for x in self._batches(images, batch_size)]
        return np.concatenate(parts) if parts else np.zeros((0, self.config.latent_dim), np.float32)

    def decode(self, codes: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """codes float32 (N, latent_dim) -> uint8 (N, 32, 32, 3)."""
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.config.latent_dim:
            raise ConvaeError(
                f"Codes of shape {codes.shape} do not fit this model, "
                f"which takes (N, {self.config.latent_dim})."
            )
        self._must_be_in_eval_mode()
        with torch.inference_mode():
            parts = [
                pixels.from_batch(
                    self.g(torch.from_numpy(codes[i : i + batch_size]).to(self.device))
                )
                for i in range(0, len(codes), batch_size)
            ]
        return np.concatenate(parts) if parts else np.zeros((0, 32, 32, 3), np.uint8)

    def reconstruct(self, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> uint8 (N, 32, 32, 3): decode(encode(images))."""
        parts = [pixels.from_batch(self(x)) for x in self._batches(images, batch_size)]
        return np.concatenate(parts) if parts else np.zeros((0, 32, 32, 3), np.uint8)

    def _must_be_in_eval_mode(self) -> None:
        if self.training:
            raise RuntimeError(
                "Call model.eval() first: batch statistics would leak between images."
            )

    def _batches(self, images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
        if images.ndim != 4 or images.shape[1:] != (32, 32, 3) or images.dtype != np.uint8:
            raise ConvaeError(
                f"Images must be uint8 (N, 32, 32, 3), not {images.dtype} {images.shape}."
            )
        self._must_be_in_eval_mode()
        with torch.inference_mode():
            for i in range(0, len(images), batch_size):
                yield pixels.to_batch(images[i : i + batch_size], self.device)

    def layers(self, image: np.ndarray) -> list[tuple[str, str, np.ndarray, int]]:
        """What each layer makes of one image, uint8 (32, 32, 3).

        Returns (half, kind of layer, output float32 without the batch axis, parameters) in order.
        """
        seen: list[tuple[str, str, np.ndarray, int]] = []
        hooks = [
            layer.register_forward_hook(
                lambda layer, _, out, half=half: seen.append((
                    half, type(layer).__name__, out[0].float().cpu().numpy(),
                    sum(p.numel() for p in layer.parameters()),
                ))
            )
            for half, layers in (("encoder", self.encoder), ("decoder", self.decoder))
            for layer in layers
        ]  # fmt: skip
        try:
            self.reconstruct(image[None])
        finally:
            for hook in hooks:
                hook.remove()
        return seen
