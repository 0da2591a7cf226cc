"""The settings of an experiment: the form, the command line and the JSON file are made from these
fields.

Each field has its help text, unit, range and choices; ``__post_init__`` checks the values against
them. Unknown keys are an error, so no setting of a file is silently ignored.
"""

import json
from dataclasses import asdict, dataclass

from convae.errors import ConfigError
from convae.settings import check, from_dict, setting


@dataclass(frozen=True)
class ModelConfig:
    """The network: its architecture and latent dimension."""

    architecture: str = setting(
        "residual",
        "residual: convolutional residual networks around a linear code that starts as PCA; "
        "strided: strided convolutions and a linear code; classic: convolutions, pooling and a "
        "dense code.",
        choices=("residual", "strided", "classic"),
        advanced=False,
    )
    latent_dim: int = setting(
        128, "Latent dimension: number of values per code.", low=2, high=1024, unit="values",
        advanced=False,
    )  # fmt: skip
    base_channels: int = setting(
        32,
        "Channels at full resolution; deeper layers have two to four times as many.",
        low=8, high=128, unit="channels",
    )  # fmt: skip
    encoder_channels: int = setting(
        0,
        "Channels of the encoder, where they differ from those of the decoder; 0: the same. A wide "
        "encoder costs little at inference, a wide decoder slows down refinement.",
        low=0, high=128, unit="channels",
    )  # fmt: skip
    refinement_steps: int = setting(
        0,
        "Refinement steps at inference: conjugate-gradient steps on the code that lower the "
        "reconstruction error. Training does not use them.",
        low=0, high=8, unit="steps",
    )  # fmt: skip
    nested_dropout: bool = setting(
        False,
        "Nested dropout (Rippel, Gelbart, Adams 2014): ordered codes. A part of the training "
        "images (by default half) keeps only the first values of its codes, so that one model "
        "works with every code length. The decoder of residual is conditioned on the length.",
    )
    variational: bool = setting(
        False,
        "Variational autoencoder: the encoder predicts a mean and a variance for each latent "
        "value; the KL divergence keeps codes close to a standard normal distribution, from which "
        "images are generated.",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.variational and self.architecture == "classic":
            raise ConfigError(
                "`variational` needs the architecture residual or strided: the codes of classic "
                "are never negative, so they cannot follow a normal distribution."
            )
        for name in ("base_channels", "encoder_channels"):
            if getattr(self, name) % 8:
                raise ConfigError(
                    f"`{name}` (={getattr(self, name)}) must be a multiple of 8, "
                    "which processors multiply efficiently."
                )

    @property
    def channels(self) -> tuple[int, int]:
        """Channels at full resolution of the decoder and of the encoder."""
        return self.base_channels, self.encoder_channels or self.base_channels


@dataclass(frozen=True)
class DataConfig:
    """The training data."""

    spec: str = setting(
        "shapes",
        "cifar10, shapes, digits, photos, folder:PATH (folder, zip or tar), npz:PATH or own:NAME.",
        advanced=False,
    )
    limit: int = setting(
        0, "Use only this many training images; 0 means all.", low=0, high=10_000_000, unit="images"
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.spec:
            raise ConfigError("`spec` is empty: name a data set, for example shapes.")


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run: its JSON file is enough to repeat it."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    init_from: str = setting(
        "",
        "Start from the weights of this checkpoint (a name or a folder); empty: from scratch. A "
        "residual model may have another latent dimension: its linear code then starts as PCA.",
    )
    epochs: int = setting(
        10, "Passes over the training images.", low=1, high=10_000, unit="epochs", advanced=False
    )
    time_budget_s: float = setting(
        0.0, "Time budget: training stops after this time, whatever the number of epochs, and the "
        "schedule is fitted to it; 0: train all epochs.",
        low=0.0, high=604_800.0, unit="s",
    )  # fmt: skip
    batch_size: int = setting(
        256,
        "Images per optimizer step, over all devices.",
        low=2,
        high=8192,
        unit="images",
        advanced=False,
    )
    loss: str = setting(
        "mse",
        "mse: mean squared error; bce: binary cross-entropy, for values in [0, 1]; "
        "l1: mean absolute error.",
        choices=("mse", "bce", "l1"),
        advanced=False,
    )
    kl_weight: float = setting(
        1.0,
        "Weight of the KL divergence of a variational model, relative to a reconstruction loss "
        "that is scaled by its running mean; below 1: sharper images, codes less close to normal.",
        low=0.0, high=1000.0,
    )  # fmt: skip
    full_code_share: float = setting(
        0.5,
        "Fraction of images that keep their whole code with nested dropout; the others keep a "
        "number of values that is drawn log-uniformly.",
        low=0.0, high=1.0,
    )  # fmt: skip
    shortest_code: int = setting(
        1, "Smallest number of values that nested dropout keeps.", low=1, high=1024, unit="values"
    )
    optimizer: str = setting(
        "adamw", "Optimizer; sgd uses `momentum`.",
        choices=("adam", "adamw", "sgd"),
    )  # fmt: skip
    learning_rate: float = setting(
        2e-3, "Learning rate at the peak of the schedule; usual: 0.0003 to 0.003 (sgd: 0.1 to 1).",
        low=1e-7, high=100.0, advanced=False,
    )  # fmt: skip
    momentum: float = setting(0.9, "SGD momentum.", low=0.0, high=0.999)
    weight_decay: float = setting(
        0.01,
        "Weight decay, decoupled from the gradient for all optimizers: each step multiplies the "
        "weights by 1 - learning rate * decay. So adam and adamw are the same.",
        low=0.0, high=1.0,
    )  # fmt: skip
    clip: float = setting(
        2.0,
        "Clip the gradient norm at this multiple of its running mean; 0 disables clipping.",
        low=0.0, high=1000.0,
    )  # fmt: skip
    schedule: str = setting(
        "onecycle",
        "onecycle: short warm-up, then linear decay to zero; cosine: cosine decay to zero; "
        "constant: no decay.",
        choices=("constant", "cosine", "onecycle"),
    )
    flip: bool = setting(
        True, "Random horizontal flip: half of the images of each batch are mirrored."
    )
    shift: int = setting(
        0,
        "Random shift: each image moves by up to this many pixels in each direction, its edges "
        "mirrored (usual 4). Against overfitting in long trainings.",
        low=0, high=16, unit="pixels",
    )  # fmt: skip
    noise_std: float = setting(
        0.0,
        "Standard deviation of the noise added to the input (a denoising autoencoder), as a "
        "fraction of the pixel range. Validation then measures the denoising PSNR: noisy input, "
        "clean target.",
        low=0.0, high=1.0,
    )  # fmt: skip
    noise_range: bool = setting(
        False,
        "Draw the standard deviation of the noise for each image, uniformly from 0 to noise_std, "
        "so that one model handles all levels. Validation is then the mean denoising PSNR at "
        "25/255 and 50/255, as far as noise_std includes them.",
    )
    corruption: str = setting(
        "gaussian",
        "Kind of noise: gaussian is added to the pixels; speckle is multiplied by them.",
        choices=("gaussian", "speckle"),
    )
    ema_decay: float = setting(
        0.0, "EMA decay: exponential moving average of the weights (usual 0.999); 0: none.",
        low=0.0, high=0.99999,
    )  # fmt: skip
    seed: int = setting(
        0,
        "Random seed of the initial weights, the order of images, flips, shifts and noise.",
        low=0,
        high=2**31 - 1,
    )
    device: str = setting(
        "auto", "auto: cuda if present, else mps, else cpu.", choices=("auto", "cpu", "cuda", "mps")
    )
    precision: str = setting(
        "auto", "auto: bf16 where the processor supports it natively, else float32.",
        choices=("auto", "float32", "bf16"),
    )  # fmt: skip
    weights: str = setting(
        "float32",
        "Data type of the saved weights; float16 halves the file and costs about 0.0001 dB. "
        "Training and inference use float32.",
        choices=("float32", "float16"),
    )
    patience: int = setting(
        0, "Early stopping: end after this many epochs without a better validation PSNR; 0: never.",
        low=0, high=10_000, unit="epochs",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if self.noise_std and self.model.refinement_steps:
            raise ConfigError(
                f"`refinement_steps` (={self.model.refinement_steps}) would fit codes to the "
                "noise: use 0 where `noise_std` is above 0."
            )
        if self.shortest_code > self.model.latent_dim:
            raise ConfigError(
                f"`shortest_code` (={self.shortest_code}) must not be above `latent_dim` "
                f"(={self.model.latent_dim})."
            )
        if self.noise_range and not self.noise_std:
            raise ConfigError(
                "`noise_range` needs `noise_std` above 0: the highest spread of the noise."
            )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def from_json(text: str | bytes) -> TrainConfig:
    """Read what ``TrainConfig.to_json`` wrote; raises ConfigError."""
    try:
        values = json.loads(text)
    except RecursionError:
        raise ConfigError("This JSON file is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ConfigError("This JSON file is not UTF-8 text.") from None
    except ValueError as error:
        raise ConfigError(f"This is not a JSON file: {error}.") from None
    return from_dict(TrainConfig, values)
