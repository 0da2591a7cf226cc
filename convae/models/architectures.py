"""The three architectures. Readable top to bottom; one line per resolution.

c: channels of the decoder at full resolution, e: of the encoder, d: latent dimension.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convae.config import ModelConfig
from convae.models.ordered_codes import NODES

IMAGE_SHAPE = (3, 32, 32)
VALUES = 3 * 32 * 32
MAX_PARAMETERS = 12_000_000  # 48 MB as float32: the limit of an upload


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1)


def up(before: int, after: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)


def classic(c: int, d: int, e: int) -> tuple[nn.Sequential, nn.Sequential]:
    """1,385,731 trainable parameters at base_channels 32, latent_dim 256; ends in logits."""

    def block(before: int, after: int) -> list[nn.Module]:
        # eps, momentum and slope are Keras' defaults: what the original was trained with
        return [
            conv(before, after),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
        ]

    encoder = nn.Sequential(
        *block(3, e), nn.MaxPool2d(2),  # 32 -> 16
        *block(e, 2 * e), nn.MaxPool2d(2),  # 16 -> 8
        *block(2 * e, 4 * e), nn.MaxPool2d(2),  # 8 -> 4
        nn.Flatten(), nn.Linear(64 * e, d), nn.ReLU(),
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


def strided(c: int, d: int, e: int) -> tuple[nn.Sequential, nn.Sequential]:
    """468,227 parameters at base_channels 32, latent_dim 128 (UvA Deep Learning tutorial 9)."""
    gelu = nn.GELU
    encoder = nn.Sequential(
        conv(3, e, stride=2), gelu(), conv(e, e), gelu(),  # 32 -> 16
        conv(e, 2 * e, stride=2), gelu(), conv(2 * e, 2 * e), gelu(),  # 16 -> 8
        conv(2 * e, 2 * e, stride=2), gelu(),  # 8 -> 4
        nn.Flatten(), nn.Linear(32 * e, d),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(d, 32 * c), gelu(), nn.Unflatten(1, (2 * c, 4, 4)),
        up(2 * c, 2 * c), gelu(), conv(2 * c, 2 * c), gelu(),  # 4 -> 8
        up(2 * c, c), gelu(), conv(c, c), gelu(),  # 8 -> 16
        up(c, 3),  # 16 -> 32
    )  # fmt: skip
    return encoder, decoder


class Refiner(nn.Module):
    """An additive change to an image, zero before training: (N, 3, 32, 32) -> (N, 3, 32, 32).

    A small U-Net: down to 4x4 and back up by pixel shuffle, with sums across at each resolution.
    With `conditioned` its features are scaled and shifted per channel by the code length (FiLM,
    Perez et al. 2018), from the basis of `length_basis`; zero before training, too.
    """

    def __init__(self, c: int, conditioned: bool = False):
        super().__init__()
        self.channels = (c, 2 * c, 4 * c, 2 * c, c)  # of the features that are conditioned
        # a bare parameter: no layer of its own in `ConvAutoencoder.layers`
        shape = (NODES, 2 * sum(self.channels))
        self.by_length = nn.Parameter(torch.zeros(shape)) if conditioned else None
        self.act = nn.SiLU()
        self.unshuffle, self.shuffle = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.at16 = conv(12, c)
        self.to8, self.at8 = conv(c, 2 * c, stride=2), conv(2 * c, 2 * c)
        self.to4, self.at4 = conv(2 * c, 4 * c, stride=2), conv(4 * c, 4 * c)
        self.up8, self.back8 = nn.Conv2d(4 * c, 8 * c, 1), conv(2 * c, 2 * c)
        self.up16, self.back16 = nn.Conv2d(2 * c, 4 * c, 1), conv(c, c)
        self.out = conv(c, 12)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d):  # He et al. 2015: else slow first epochs
                nn.init.normal_(layer.weight, 0, math.sqrt(2 / layer.weight[0].numel()))
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, basis: Tensor | None = None) -> Tensor:
        a = self.act
        by16, by8, by4, back8, back16 = self.conditions(basis)
        x = 4 * (x - 0.5)  # about unit spread
        x16 = a(by16(self.at16(self.unshuffle(x))))
        x8 = a(by8(self.at8(a(self.to8(x16)))))
        x4 = a(by4(self.at4(a(self.to4(x8)))))
        x8 = a(back8(self.back8(x8 + self.shuffle(self.up8(x4)))))
        x16 = a(back16(self.back16(x16 + self.shuffle(self.up16(x8)))))
        return self.shuffle(self.out(x16))

    def conditions(self, basis: Tensor | None) -> list[Callable[[Tensor], Tensor]]:
        """For each of `channels` the conditioning of features (N, C, H, W) on the code length."""
        if self.by_length is None or basis is None:
            return [lambda features: features] * len(self.channels)
        parts = (basis @ self.by_length)[:, :, None, None].split(
            [2 * channels for channels in self.channels], dim=1
        )

        def condition(part: Tensor) -> Callable[[Tensor], Tensor]:
            scale, shift = part.chunk(2, dim=1)
            return lambda features: features + features * scale + shift

        return [condition(part) for part in parts]


class PreparedProjection(nn.Module):
    """z = E (x + refiner(x)) + b."""

    def __init__(self, c: int, d: int):
        super().__init__()
        self.refiner, self.flatten = Refiner(c), nn.Flatten()
        self.linear = nn.Linear(VALUES, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.flatten(x + self.refiner(x)))


class RepairedProjection(nn.Module):
    """y = D z + b; x^ = y + refiner(y)."""

    def __init__(self, c: int, d: int, conditioned: bool = False):
        super().__init__()
        self.linear, self.unflatten = nn.Linear(d, VALUES), nn.Unflatten(1, IMAGE_SHAPE)
        self.refiner = Refiner(c, conditioned)

    def forward(self, z: Tensor, basis: Tensor | None = None) -> Tensor:
        y = self.unflatten(self.linear(z))
        return y + self.refiner(y, basis)


def residual(c: int, d: int, e: int, conditioned: bool = False) -> tuple[nn.Module, nn.Module]:
    """A linear code between two image-to-image networks, see `autoencoder`. conditioned: the
    decoder is conditioned on the code length."""
    encoder, decoder = PreparedProjection(e, d), RepairedProjection(c, d, conditioned)
    if encoder.linear.weight.is_meta:
        return encoder, decoder
    directions = torch.linalg.qr(torch.randn(VALUES, d, dtype=torch.float64))[0].float()
    start_linear(encoder, decoder, torch.full((VALUES,), 0.5), directions.T)
    return encoder, decoder


@torch.no_grad()
def start_linear(encoder: nn.Module, decoder: nn.Module, mean: Tensor, directions: Tensor) -> None:
    """Make the first K values of the code the projections on K orthonormal directions (K, 3072)."""
    count = len(directions)
    decoder.linear.bias.copy_(mean)
    encoder.linear.weight[:count] = directions
    decoder.linear.weight[:, :count] = directions.T
    encoder.linear.bias.copy_(-encoder.linear.weight @ mean)


ARCHITECTURES = {"classic": classic, "strided": strided, "residual": residual}


class _NoFirstValues(TorchFunctionMode):
    FILL = (Tensor.uniform_, Tensor.normal_, Tensor.zero_, Tensor.fill_)

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in self.FILL or getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def without_values() -> Iterator[None]:
    """Networks made here have shapes but no values and take no memory, on the device "meta".

    Random first values on that device would import sympy: 2 s and 150 MB (torch 2.14).
    """
    with torch.device("meta"), _NoFirstValues():
        yield


def is_conditioned(config: ModelConfig) -> bool:
    """Whether the decoder is conditioned on the code length."""
    return config.nested_dropout and config.architecture == "residual"


def halves(config: ModelConfig) -> tuple[nn.Module, nn.Module]:
    """The encoder and the decoder of these settings, with their first weights."""
    make = ARCHITECTURES[config.architecture]
    extra = (True,) if is_conditioned(config) else ()
    decoder_channels, encoder_channels = config.channels
    return make(decoder_channels, config.latent_dim, encoder_channels, *extra)


@lru_cache(maxsize=256)
def count_parameters(config: ModelConfig) -> int:
    """Number of trainable parameters, counted without allocating them."""
    with without_values():
        encoder, decoder = halves(config)
    d = config.latent_dim
    variance = d * d + d if config.variational else 0
    return variance + sum(p.numel() for half in (encoder, decoder) for p in half.parameters())
