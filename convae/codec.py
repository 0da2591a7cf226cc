"""What the parts below the network know of a trained model: numpy in, numpy out, no torch."""

from typing import Protocol, Self, runtime_checkable

import numpy as np

from convae.config import ModelConfig


@runtime_checkable
class Codec(Protocol):
    """A trained model. `convae.models.checkpoints.Checkpoint` is one.

    images: uint8 (N, 32, 32, 3). codes: float32 (N, latent_dim), latent_dim = config.latent_dim.
    """

    @property
    def name(self) -> str:
        """What people call it: the name of its folder."""

    @property
    def sha256(self) -> str:
        """A digest of everything that codes depend on: the key of caches."""

    @property
    def config(self) -> ModelConfig:
        """Architecture, latent dimension and refinement steps."""

    def encode(self, images: np.ndarray, precision: str = "float32") -> np.ndarray:
        """images -> codes. precision: float32, or auto for the fastest type of the processor."""

    def decode(self, codes: np.ndarray, keep: int | None = None) -> np.ndarray:
        """codes -> images. keep: use the first `keep` values only, the others at their mean."""

    def reconstruct(self, images: np.ndarray, keep: int | None = None) -> np.ndarray:
        """images -> images, by way of their codes. keep: as in `decode`."""

    def with_refinement_steps(self, steps: int) -> Self:
        """The same weights with this number of refinement steps after the encoder."""
