"""The presets of the form for a new run."""

from typing import Any, NamedTuple

from convae import data
from convae.ui import pickers
from convae.ui.escape import plain


class Preset(NamedTuple):
    """What it is, the settings that differ from the defaults, and what is true with these only."""

    description: str
    values: dict[str, Any]
    with_its_images: str = ""

    def about(self, spec: str) -> str:
        """The description, for these training data."""
        name = "drawn shapes" if spec == "shapes" else plain(pickers.spec_name(spec))
        own = self.with_its_images if spec == self.values["spec"] else ""
        return self.description.format(name) + own


def presets() -> dict[str, Preset]:
    """Four presets, the quickest first; those for photographs use CIFAR-10 if it is present."""
    photographs = "cifar10" if data.cifar10_present() else "photos"
    return {
        "Live demo": Preset(
            "A small model, trained on {}.",
            dict(spec="shapes", limit=4000, architecture="strided", latent_dim=8,
                 base_channels=16, batch_size=64, learning_rate=5e-3, epochs=8),
            " It starts below PCA of the same latent dimension and overtakes it during the run.",
        ),
        "Classic": Preset(
            "The classic network with its original settings: convolutions and pooling, latent "
            "dimension 256, binary cross-entropy, Adam, batches of 256.",
            dict(spec=photographs, architecture="classic", latent_dim=256, loss="bce",
                 optimizer="adam", learning_rate=1e-3, schedule="constant", weight_decay=0.0,
                 clip=0.0, flip=False, batch_size=256, epochs=10),
        ),
        "Best quality": Preset(
            "The residual network starts from PCA and learns what a linear code cannot represent. "
            "A wide network, small batches and random shifts of the images, similar to the "
            "training of cifar10-128. More epochs improve it. A long run continues when "
            "this page is closed.",
            dict(spec=photographs, architecture="residual", latent_dim=128, base_channels=48,
                 refinement_steps=2, batch_size=64, learning_rate=1e-3, epochs=60, shift=4,
                 ema_decay=0.999),
        ),
        "Denoiser": Preset(
            "A noisy image as input, the clean one as target: the model learns to remove noise.",
            dict(spec="shapes", architecture="residual", latent_dim=64, base_channels=16,
                 batch_size=128, noise_std=0.2, epochs=8),
        ),
    }  # fmt: skip
