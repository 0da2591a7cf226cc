"""The training images on the device, and what is drawn for each step: order, flips, shifts,
noise."""

import torch
from torch import Tensor

from convae.config import TrainConfig
from convae.errors import ConfigError
from convae.models.devices import world
from convae.training import nested_dropout, noise


def shared_batch_size(config: TrainConfig, images: int) -> int:
    """Images per step over all processes, where there are so many images to train on.

    ConfigError where the processes cannot share a batch equally. Every process computes the same,
    and does so before they join a group: a process that waits for a group cannot report why
    another one ended.
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


def shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Images (B, H, W, C), each moved by -most to most pixels in both directions, uniformly.

    What moves in is the mirror image of the edge, without the edge pixels themselves.
    """

    def places(size: int) -> Tensor:
        moves = torch.randint(-most, most + 1, (len(x), 1), generator=generator, device=x.device)
        before = (torch.arange(size, device=x.device) + moves).abs()
        return size - 1 - (size - 1 - before).abs()

    rows, columns = places(x.shape[1]), places(x.shape[2])
    image = torch.arange(len(x), device=x.device)[:, None, None]
    return x[image, rows[:, :, None], columns[:, None, :]]


class Batches:
    """Batches of the training images, uint8 (N, 32, 32, 3) on the device.

    generator draws shifts and noise on the device; it is seeded anew for each epoch, by `order`.
    """

    def __init__(self, images: Tensor, config: TrainConfig, layout: torch.memory_format):
        self.images, self.config, self.layout = images, config, layout
        self.generator = torch.Generator(images.device)

    def order(self, epoch: int, rank: int = 0) -> Tensor:
        """Image numbers int64 (N,) in the order of this epoch: a function of seed and epoch alone,
        on any device. Shifts and noise differ by rank."""
        seed = self.config.seed * 1_000_003 + epoch
        self.generator.manual_seed(seed * 64 + rank)
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(seed))
        return order.to(self.images.device)

    def clean(self, chosen: Tensor) -> Tensor:
        """float32 (B, 3, 32, 32) in [0, 1]; with ``flip`` the first half is mirrored, a random half
        because the order is random. With ``shift`` each image is moved."""
        x = self.images[chosen]
        if self.config.shift:
            x = shifted(x, self.config.shift, self.generator)
        if self.config.flip:
            half = len(x) // 2
            x = torch.cat([x[:half].flip(2), x[half:]])
        # (N, 32, 32, 3) seen as (N, 3, 32, 32) is channels_last already: no copy is made for it
        return x.permute(0, 3, 1, 2).to(torch.float32, memory_format=self.layout).div_(255)

    def drawn(self, target: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The arguments of `TrainingPass` for a clean batch (B, 3, 32, 32): (input, with noise for
        a denoiser; code lengths (B,) with nested dropout; normal noise (B, latent_dim) for a
        variational model)."""
        x, keep, normal, model = target, None, None, self.config.model
        if self.config.noise_std:
            x = noise.corrupted_batch(x, self.config, self.generator)
        if model.nested_dropout:
            keep = nested_dropout.draw_lengths(
                len(x), model.latent_dim, self.generator,
                self.config.full_code_share, self.config.shortest_code,
            )  # fmt: skip
        if model.variational:
            normal = torch.empty(len(x), model.latent_dim, device=x.device)
            normal.normal_(generator=self.generator)
        return x, keep, normal
