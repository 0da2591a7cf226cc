"""Compressed representations of an image with one interface: a checkpoint and its baselines."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from convae.codec import Codec
from convae.data import ImageSet
from convae.evaluation import codecs, metrics, quantization
from convae.evaluation.pca import PCA, components_beside, fewer_components, pca_for

FLOAT = 16  # bits of a value that is not quantized: counted as float16, which costs < 0.001 dB
ENCODER_ONLY = "Encoder only"  # of a checkpoint whose codes are refined
BITS = (1, 2, 3, 4, 5, 6, 7, 8, FLOAT)
REFERENCE = 1_000  # training images whose codes give the range of each quantized value

Rebuild = Callable[[np.ndarray], np.ndarray]


class Method(NamedTuple):
    """One compressed representation of an image.

    key: methods of equal keys rebuild equally. values: its latent dimension, None for a codec.
    rebuild: uint8 (N, 32, 32, 3) -> the same shape. details: how it was made, to display.
    """

    name: str
    key: str
    values: int | None
    bytes_per_image: float
    rebuild: Callable[[np.ndarray], np.ndarray]
    details: str


def code_bytes(latent_dim: int, bits: int) -> int:
    """Bytes of one code, packed without gaps."""
    return -(-latent_dim * bits // 8)


def model_method(checkpoint: Codec, reference: ImageSet, bits: int = FLOAT) -> Method:
    """A checkpoint whose codes are kept in `bits` bits a value; see `reference_of`."""
    d, key = checkpoint.config.latent_dim, f"model-{checkpoint.sha256}-{bits}"
    if bits == FLOAT:
        return Method(checkpoint.name, key, d, code_bytes(d, bits), checkpoint.reconstruct, "")
    rebuild = _quantized(checkpoint.encode, checkpoint.decode, reference.images, bits)
    key += f"-{reference.fingerprint}"
    details = f"{bits} bits a value"
    return Method(checkpoint.name, key, d, code_bytes(d, bits), rebuild, details)


def stored_codes(
    checkpoint: Codec, images: np.ndarray, reference: ImageSet, bits: int
) -> np.ndarray:
    """The codes of images as they come back from `bits` bits a value; see `reference_of`."""
    codes = checkpoint.encode(images)
    if bits == FLOAT:
        return codes
    low, high = quantization.code_range(checkpoint.encode(reference.images), bits)
    return quantization.dequantize(quantization.quantize(codes, bits, low, high), bits, low, high)


def pca_method(pca: PCA, fitted_on: ImageSet, latent_dim: int, bits: int = FLOAT) -> Method:
    """PCA with as many values and bits as the model, fitted on the images of `fitted_on`; with
    fewer where there are no more (`components_beside`)."""
    limits = fitted_on.real_dimension, pca.fitted_on
    fewer, latent_dim = (
        fewer_components(latent_dim, *limits),
        components_beside(latent_dim, *limits),
    )

    def encode(images: np.ndarray) -> np.ndarray:
        return pca.encode(images, latent_dim)

    def rebuild(images: np.ndarray) -> np.ndarray:
        return pca.decode(encode(images))

    if bits != FLOAT:
        rebuild = _quantized(encode, pca.decode, fitted_on.sample(REFERENCE).images, bits)
    key = f"pca-{fitted_on.fingerprint}-{latent_dim}-{bits}"
    details = f"{fitted_on.name}, {pca.fitted_on:,} images"
    if fewer:
        details += f", with {fewer}"
    return Method("PCA", key, latent_dim, code_bytes(latent_dim, bits), rebuild, details)


def _quantized(encode: Rebuild, decode: Rebuild, reference: np.ndarray, bits: int) -> Rebuild:
    low, high = quantization.code_range(encode(reference), bits)

    def rebuild(images: np.ndarray) -> np.ndarray:
        packed = quantization.quantize(encode(images), bits, low, high)
        return decode(quantization.dequantize(packed, bits, low, high))

    return rebuild


def codec_methods(measured: np.ndarray, bytes_per_image: float) -> list[Method]:
    """JPEG and WebP at the best quality at which `measured` takes no more bytes an image.

    All images are packed into one file, so that the headers are negligible: see
    `codecs.jpeg`.
    """
    result = []
    for name, codec, at in (
        ("JPEG", codecs.jpeg, codecs.jpeg_at),
        ("WebP", codecs.webp, codecs.webp_at),
    ):
        best = at(measured, bytes_per_image)
        key, details = f"{name.lower()}-{best.quality}", f"quality {best.quality}"
        if best.bytes_per_image > bytes_per_image:
            details += " (the lowest, and still larger)"

        def rebuild(
            images: np.ndarray, codec: codecs.Compress = codec, quality: int = best.quality
        ) -> np.ndarray:
            return codec(images, quality)[0]

        result.append(Method(name, key, None, best.bytes_per_image, rebuild, details))
    return result


def reference_of(test: ImageSet, fitted_on: ImageSet | None) -> ImageSet:
    """The images whose codes determine the range of each quantized value: of the training split, or
    the measured images themselves if there is none."""
    return (fitted_on or test).sample(REFERENCE)


def contenders(
    checkpoint: Codec,
    test: ImageSet,
    fitted_on: ImageSet | None,
    bits: int = FLOAT,
    pca: PCA | None = None,
) -> list[Method]:
    """The checkpoint and its baselines at the same size: PCA (if there are images to fit it on),
    JPEG and WebP. pca: the PCA of `fitted_on`, if it is already known."""
    result = [model_method(checkpoint, reference_of(test, fitted_on), bits)]
    if fitted_on is not None and len(fitted_on):
        pca = pca or pca_for(fitted_on)
        result.append(pca_method(pca, fitted_on, checkpoint.config.latent_dim, bits))
    return result + codec_methods(test.images, result[0].bytes_per_image)


def model_curve(
    checkpoint: Codec, images: np.ndarray, reference: np.ndarray
) -> list[tuple[float, float]]:
    """(bytes an image, PSNR of the set in dB) of the checkpoint at each of BITS."""
    ranges, codes = checkpoint.encode(reference), checkpoint.encode(images)
    points = quantization.rate_distortion(images, codes, checkpoint.decode, ranges, BITS[:-1])
    exact = metrics.set_psnr(images, checkpoint.decode(codes))
    return [*points, (code_bytes(codes.shape[1], FLOAT), exact)]


def pca_curve(pca: PCA, images: np.ndarray, reference: np.ndarray) -> list[tuple[float, float]]:
    """(bytes an image, PSNR of the set in dB) of PCA, the number of values and the bits of each
    chosen on the Pareto front."""
    most = max(1, min(512, len(pca.components)))
    codes, ranges = pca.encode(images, most), pca.encode(reference, most)
    points = []
    for d in sorted({min(item, most) for item in (16, 32, 64, 128, 256, 512)}):
        points += quantization.rate_distortion(
            images, codes[:, :d], pca.decode, ranges[:, :d], (3, 4, 5, 6)
        )
    return pareto(points)


def pareto(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The Pareto front of (bytes, dB): no other point is both smaller and better. Ascending."""
    kept: list[tuple[float, float]] = []
    for size, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or quality > kept[-1][1]:
            kept.append((size, quality))
    return kept


def codec_curves(images: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    """(bytes an image, PSNR of the set in dB) of JPEG and WebP over their qualities."""
    qualities = (1, 3, 6, 10, 15, 20, 30, 40, 55, 70, 80, 90)
    return {
        "JPEG": codecs.codec_curve(codecs.jpeg, images, qualities),
        "WebP": codecs.codec_curve(codecs.webp, images, (0, *qualities)),
    }
