"""The autoencoders: h = f(x), x^ = g(h). Readable top to bottom; one line per resolution.

A batch is float32 (N, 3, 32, 32) in [0, 1]; z is float32 (N, latent_dim), unbounded; the output is
float32 (N, 3, 32, 32), clamped to [0, 1] wherever it is shown or measured.

classic: convolutions, max-pooling, a dense ReLU code, up-sampling.

strided: strided convolutions, a linear code, no normalization; a common teaching network.

residual: the architecture of this project. The code is linear and starts as PCA, the best linear
code. Two small convolutional networks work on images, not on codes: one changes the image before
the projection, one corrects the reconstruction after it. Both output zero at first, so the model
starts as PCA. An image gives 1,024 positions to learn from, so the model is better than PCA after
one epoch. The two other architectures, which map to and from the code directly, need a hundred
epochs for that (benchmarks/RESULTS.md has the trials).
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from convae import images as pixels
from convae.config import ModelConfig
from convae.errors import ConvaeError
from convae.models.architectures import VALUES, halves, is_conditioned, start_linear
from convae.models.devices import pick_precision
from convae.models.ordered_codes import checked_length, length_basis, prefix
from convae.models.refinement import refine

BATCH = 125  # images encoded at a time: larger batches allocate memory anew each time
START_LOG_VARIANCE = -3.0  # where PCA does not give it: 5 % of the variance of a code is noise
MIN_VARIANCE = 1e-6  # of a direction; dividing by less would amplify rounding errors


class ConvAutoencoder(nn.Module):
    """``config.architecture`` with ``config.latent_dim`` values in its code.

    code_mean: the mean code (latent_dim,) of the training images; None where it is not known. With
    ``variational``, code_scale (latent_dim,) divides the output of the encoder, so that the code
    starts with unit variance, and log_variance gives the log-variance of each value from the mean
    code.
    """

    code_mean: Tensor | None
    code_scale: Tensor | None

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config, d = config, config.latent_dim
        self.conditioned = is_conditioned(config)
        self.encoder, self.decoder = halves(config)
        self.register_buffer("code_mean", torch.zeros(d) if config.nested_dropout else None)
        self.register_buffer("code_scale", torch.ones(d) if config.variational else None)
        self.log_variance = nn.Linear(d, d) if config.variational else None
        if self.log_variance is not None:
            nn.init.zeros_(self.log_variance.weight)
            nn.init.constant_(self.log_variance.bias, START_LOG_VARIANCE)

    def start_from_pca(
        self,
        mean: np.ndarray,
        directions: np.ndarray,
        variances: np.ndarray | None = None,
        error: float = 0.0,
    ) -> None:
        """Make a `residual` model exactly PCA, where training then starts.

        mean (3072,), directions (K, 3072), K >= 1, pixels in (row, column, color) order. Where K <
        latent_dim the other values of the code keep their random directions.

        A variational model divides each value by its standard deviation, from variances (K,): its
        code is whitened. Its log-variances start at those of probabilistic PCA (Tipping and Bishop
        1999) with this squared error of a pixel.
        """
        if self.code_scale is not None and variances is not None:
            known = torch.as_tensor(variances[: self.config.latent_dim], dtype=torch.float32)
            known = known.clamp(min=MIN_VARIANCE)
            self.code_scale[: len(known)] = known.sqrt()
            noise = max(error, MIN_VARIANCE)
            with torch.no_grad():
                self.log_variance.bias[: len(known)] = (noise / (known + noise)).log()
        order = torch.arange(VALUES).view(32, 32, 3).permute(2, 0, 1).reshape(-1)
        start_linear(
            self.encoder, self.decoder,
            torch.as_tensor(mean, dtype=torch.float32)[order],
            torch.as_tensor(directions[: self.config.latent_dim], dtype=torch.float32)[:, order],
        )  # fmt: skip

    def f(self, x: Tensor) -> Tensor:
        """Encode a batch: (N, 3, 32, 32) in [0, 1] -> z (N, latent_dim).

        In eval mode the encoder's output is improved by ``config.refinement_steps`` optimization
        steps; training uses the encoder's output alone.
        """
        z = self.encoder_output(x)
        if self.training or not self.config.refinement_steps:
            return z
        return refine(self.g, x, z.float(), self.config.refinement_steps)

    def encoder_output(self, x: Tensor) -> Tensor:
        """The encoder alone, without refinement: shapes as in `f`; the mean code if variational."""
        z = self.encoder(2 * x - 1 if self.config.architecture == "strided" else x)
        return z if self.code_scale is None else z / self.code_scale

    def g(self, z: Tensor, keep: Tensor | None = None) -> Tensor:
        """Decode: z (N, latent_dim) -> (N, 3, 32, 32), near [0, 1] (classic: inside it).

        keep: how many values of each code count, int64 (N,); the others are replaced by the mean
        code, which must be known. None: all of them.
        """
        if keep is not None:
            z = prefix(z, keep, self.code_mean)
        if self.code_scale is not None:
            z = z * self.code_scale
        if self.conditioned:
            d = self.config.latent_dim
            keep = torch.full((len(z),), d, device=z.device) if keep is None else keep
            y = self.decoder(z, length_basis(keep, d)).float()
        else:
            y = self.decoder(z).float()
        if self.config.architecture == "classic":
            return torch.sigmoid(y)
        return (y + 1) / 2 if self.config.architecture == "strided" else y

    def forward(self, x: Tensor) -> Tensor:
        return self.g(self.f(x))

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def encode(self, images: np.ndarray, precision: str = "float32") -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> codes float32 (N, latent_dim); the model must be in eval mode.

        precision: float32, the same digits on every machine; auto, as in training: bfloat16 where
        the processor multiplies it natively, codes off by about 0.3 % and twice as fast.
        """
        dtype = pick_precision(precision, self.device)
        mixed, parts = dtype != torch.float32, []
        # autocast's cache of converted weights belongs to the whole process: all threads share it
        with (
            torch.no_grad(),
            torch.autocast(self.device.type, dtype, enabled=mixed, cache_enabled=False),
        ):
            for x in self._batches(images):
                parts.append(self.f(x).float().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.config.latent_dim), np.float32)

    def decode(self, codes: np.ndarray, keep: int | None = None) -> np.ndarray:
        """codes float32 (N, latent_dim) -> uint8 (N, 32, 32, 3).

        keep: use the first `keep` values only, 1 to latent_dim, the others at their mean; None:
        all. ConvaeError for another length, or where the mean code is not known.
        """
        lengths = self._lengths(keep)
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.config.latent_dim:
            raise ConvaeError(
                f"Codes of shape {codes.shape} do not fit this model, "
                f"which takes (N, {self.config.latent_dim})."
            )
        self._must_be_in_eval_mode()
        with torch.inference_mode():
            parts = [
                pixels.from_batch(self.g(z, lengths(z)))
                for i in range(0, len(codes), BATCH)
                for z in [torch.tensor(codes[i : i + BATCH], device=self.device)]
            ]
        return np.concatenate(parts) if parts else np.zeros((0, 32, 32, 3), np.uint8)

    def reconstruct(self, images: np.ndarray, keep: int | None = None) -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> uint8 (N, 32, 32, 3): decode(encode(images), keep)."""
        lengths = self._lengths(keep)
        with torch.no_grad():  # not inference_mode: refinement needs a gradient by the code
            parts = []
            for x in self._batches(images):
                z = self.f(x)
                parts.append(pixels.from_batch(self.g(z, lengths(z))))
        return np.concatenate(parts) if parts else np.zeros((0, 32, 32, 3), np.uint8)

    def _lengths(self, keep: int | None) -> Callable[[Tensor], Tensor | None]:
        """What `g` takes for codes z (N, latent_dim) that all keep so many values."""
        if keep is None:
            return lambda z: None
        length = checked_length(keep, self.config.latent_dim)
        if self.code_mean is None:
            raise ConvaeError(
                "The mean code of this model is not known, which `keep` needs: it was saved by an "
                "older version. Resume its training, or start a new run with it as initial weights."
            )
        return lambda z: torch.full((len(z),), length, device=z.device)

    def _must_be_in_eval_mode(self) -> None:
        if self.training:
            raise RuntimeError(
                "Call model.eval() first: batch statistics would leak between images."
            )

    def _batches(self, images: np.ndarray) -> Iterator[Tensor]:
        if images.ndim != 4 or images.shape[1:] != (32, 32, 3) or images.dtype != np.uint8:
            raise ConvaeError(
                f"Images must be uint8 (N, 32, 32, 3), not {images.dtype} {images.shape}."
            )
        self._must_be_in_eval_mode()
        # the grad mode is the consumer's: set here, it would stay set between two batches
        for i in range(0, len(images), BATCH):
            yield pixels.to_batch(images[i : i + BATCH], self.device)

    def layers(self, image: np.ndarray) -> list[tuple[str, str, np.ndarray, int]]:
        """The output of each layer for one image, uint8 (32, 32, 3), in the order of execution.

        Returns (half, kind of layer, output float32 without the batch axis, parameters). Several
        threads share one model, so the hooks that record are attached to a private copy, which
        shares its weights with this model.
        """
        tensors = [*self.parameters(), *self.buffers()]
        private = copy.deepcopy(self, {id(tensor): tensor for tensor in tensors})
        seen: list[tuple[str, str, np.ndarray, int]] = []
        for half, network in (("encoder", private.encoder), ("decoder", private.decoder)):
            for layer in network.modules():
                if not list(layer.children()):
                    layer.register_forward_hook(
                        lambda layer, _, out, half=half: seen.append((
                            half, type(layer).__name__, out[0].float().cpu().numpy(),
                            sum(p.numel() for p in layer.parameters()),
                        ))
                    )  # fmt: skip
        with torch.no_grad():
            for x in private._batches(image[None]):
                private.g(private.encoder_output(x))
        return seen
