"""The Code length part of the Reconstruct page: the first K values of a code, scrubbed in the
browser beside PCA with K components.

The images are encoded once. A prefix is decoded with the other values at their mean, at about 24
lengths from 1 to latent_dim; these frames and the PSNR at each length are kept.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.evaluation import compressors, metrics, quantization
from convae.evaluation.pca import PCA, components_beside, fewer_components
from convae.models.checkpoints import Checkpoint
from convae.models.ordered_codes import lengths_of
from convae.plots.code_length import psnr_over_length
from convae.ui import caches, glossary, long_work, model_cards, pickers
from convae.ui.components.scrubber import Card, frame_scrubber
from convae.ui.escape import plain
from convae.ui.reconstruct import length_downloads
from convae.ui.reconstruct.comparison import CURVE, Contest
from convae.wording import counted

MOST = 16  # images to choose from
BELOW = 8  # images in the rows under the slider
LEVEL_DB = 0.005  # a smaller difference disappears in two decimals


class Frames(NamedTuple):
    """Reconstructions of N images at F code lengths.

    images: uint8 (F, N, 32, 32, 3). mse: float64 (F, N), mean squared error, pixels in [0, 1].
    """

    images: np.ndarray
    mse: np.ndarray

    def psnr(self, place: int | None = None) -> list[float]:
        """PSNR (dB) at each length: of one image, or of all as one set."""
        errors = self.mse.mean(axis=1) if place is None else self.mse[:, place]
        return [metrics.capped_psnr(float(error)) for error in errors]


def show_code_length(held: Contest, sample: ImageSet, numbers: np.ndarray) -> None:
    """One image and a row of others under a slider over the code length; the curve; downloads.
    numbers: of the images in their set."""
    shown = sample.take(np.arange(min(len(sample), MOST)))
    place = pickers.pick_one(shown, "reconstruct-length", numbers)
    lengths = lengths_of(held.checkpoint.config.latent_dim)
    some = caches.sample(held.measured, CURVE)
    frames, curves = _both(held, shown, lengths), _both(held, some, lengths)
    original = np.repeat(shown.images[place][None], len(lengths), axis=0)
    _show_slider(held, shown, place, original, lengths, frames, curves)
    st.markdown(verdict(lengths, {name: item.psnr() for name, item in curves.items()}))
    if suggestion := _suggestion(held.checkpoint):
        st.caption(suggestion)
    if held.fitted_on is None:
        st.info(
            "PCA is left out, since there are no images to fit it on: neither the training images "
            "of this model nor a training split of these images. Choose another set under Images."
        )
    image = f"image {numbers[place]}"
    st.plotly_chart(
        psnr_over_length(
            lengths,
            {name: item.psnr() for name, item in curves.items()},
            held.bits,
            {name: item.psnr(place) for name, item in frames.items()},
            image,
        ),
        key="reconstruct-length-curve",
    )
    glossary.caption(_caption(held, some, image))
    strips = {name: item.images[:, place] for name, item in frames.items()}
    table = _numbers(held.bits, place, numbers[place], lengths, frames, curves)
    length_downloads.show(original, strips, table)


def _both(held: Contest, images: ImageSet, lengths: Sequence[int]) -> dict[str, Frames]:
    frames = {held.checkpoint.name: _model_frames(held, images, lengths)}
    if held.fitted_on is not None:
        frames["PCA"] = _pca_frames(held, images, lengths)
    return frames


def _model_frames(held: Contest, images: ImageSet, lengths: Sequence[int]) -> Frames:
    checkpoint, bits = held.checkpoint, held.bits
    exact = bits == compressors.FLOAT  # then no training images are needed for the ranges

    def make(report: long_work.Report) -> Frames:
        reference = images if exact else held.reference
        codes = compressors.stored_codes(checkpoint, images.images, reference, bits)
        rebuilt = []
        for done, length in enumerate(lengths):
            report(done, len(lengths), "decoding the code lengths")
            rebuilt.append(checkpoint.decode(codes, length))
        return _frames(images, rebuilt)

    key = checkpoint.sha256 if exact else f"{checkpoint.sha256}-{held.reference.fingerprint}"
    return long_work.fill(_slot(key, images.fingerprint, bits), make)


def _pca_frames(held: Contest, images: ImageSet, lengths: Sequence[int]) -> Frames:
    pca = caches.pca_with_progress(held.fitted_on)

    def make(report: long_work.Report) -> Frames:
        codes = pca_codes(pca, held.fitted_on, images.images, lengths[-1], held.bits)
        return _frames(images, [pca.decode(codes[:, :length]) for length in lengths])

    key = f"pca-{held.fitted_on.fingerprint}-{lengths[-1]}"
    return long_work.fill(_slot(key, images.fingerprint, held.bits), make)


def pca_codes(
    pca: PCA, fitted_on: ImageSet, images: np.ndarray, latent_dim: int, bits: int
) -> np.ndarray:
    """PCA codes float32 (N, latent_dim) of images as they come back from `bits` bits a value; with
    no more values than determine such an image.

    Each value has a range of its own, so the first K are those of `compressors.pca_method` at K.
    """
    latent_dim = components_beside(latent_dim, fitted_on.real_dimension, pca.fitted_on)
    codes = pca.encode(images, latent_dim)
    if bits == compressors.FLOAT:
        return codes
    reference = pca.encode(fitted_on.sample(compressors.REFERENCE).images, latent_dim)
    low, high = quantization.code_range(reference, bits)
    return quantization.dequantize(quantization.quantize(codes, bits, low, high), bits, low, high)


def _frames(images: ImageSet, rebuilt: list[np.ndarray]) -> Frames:
    errors = np.stack([metrics.mse(images.images, item) for item in rebuilt]).astype(float)
    # of many images only the errors are needed: 24 lengths of 200 images are 15 MB
    kept = np.stack(rebuilt) if len(images) <= MOST else np.zeros((0,), np.uint8)
    for array in (kept, errors):
        array.flags.writeable = False
    return Frames(kept, errors)


@st.cache_resource(max_entries=60, show_spinner=False)
def _slot(key: str, fingerprint: str, bits: int) -> long_work.Slot:
    return long_work.Slot()


def _show_slider(
    held: Contest,
    shown: ImageSet,
    place: int,
    original: np.ndarray,
    lengths: Sequence[int],
    frames: Mapping[str, Frames],
    curves: Mapping[str, Frames],
) -> None:
    cards = {"original": Card(original, [""] * len(lengths))}
    rows = {"original": shown.images[:BELOW]} if len(shown) > 1 else {}
    for name, item in frames.items():
        pairs = zip(item.psnr(place), curves[name].psnr(), strict=True)
        words = [f"{mine:.2f} dB; all measured images {whole:.2f} dB" for mine, whole in pairs]
        cards[name] = Card(item.images[:, place], words)
        if rows:
            rows[name] = item.images[:, :BELOW]
    sizes = [compressors.code_bytes(length, held.bits) for length in lengths]
    labels = [
        f"{length:,} value{'s' * (length > 1)}\n{size:,} byte{'s' * (size > 1)}"
        for length, size in zip(lengths, sizes, strict=True)
    ]
    frame_scrubber(
        cards,
        rows,
        labels,
        title="Code length",
        key="reconstruct-length-slider",
        address=("reconstruct-values", lengths),
    )


def verdict(lengths: Sequence[int], psnr: Mapping[str, Sequence[float]]) -> str:
    """At which of the lengths the model is above PCA, from which length on it is not, by how much.

    psnr: PSNR (dB) at each length, the model first, then PCA; "" without PCA.
    """
    if len(psnr) < 2:
        return ""
    (model, mine), (_, theirs) = psnr.items()
    mine, theirs = ([round(float(value), 2) for value in values] for values in (mine, theirs))
    gain = np.asarray(mine) - np.asarray(theirs)  # of the figures as they are shown
    signs = np.where(np.abs(gain) < LEVEL_DB, 0, np.sign(gain)).astype(int)
    name = f"**{plain(model)}**"
    by = f"({gain[0]:+.2f} dB at {_values(lengths[0])}, {gain[-1]:+.2f} dB at {lengths[-1]:,})"
    if (signs > 0).all():
        return f"{name} is above PCA at each of the {len(lengths)} lengths measured {by}."
    if (signs < 0).all():
        return f"{name} is below PCA at each of the {len(lengths)} lengths measured {by}."
    parts = []
    for sign, word in ((1, "above PCA at"), (0, "level with PCA at"), (-1, "below PCA at")):
        if spans := _spans(lengths, signs == sign):
            parts.append(f"{word} {spans} value{'s' * (spans != '1')}")
    text = f"{name} is {', '.join(parts)} {by}."
    if signs[-1] < 0:
        first = len(signs) - int(np.argmax(signs[::-1] >= 0))
        text += f" From {_values(lengths[first])} on, PCA is better."
    return text


def _values(length: int) -> str:
    return f"{length:,} value{'s' * (length > 1)}"


def _spans(lengths: Sequence[int], wanted: np.ndarray) -> str:
    """The lengths where `wanted` holds, as ranges of neighbors: "1 to 4, 16 to 64"."""
    edges = np.flatnonzero(np.diff(np.r_[0, wanted.astype(int), 0]))
    spans = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        first, last = lengths[start], lengths[stop - 1]
        spans.append(f"{first:,}" if first == last else f"{first:,} to {last:,}")
    return ", ".join(spans)


def _caption(held: Contest, some: ImageSet, image: str) -> str:
    text = (
        f"PSNR of the first K values of a code, the others at their mean. Solid: "
        f"{counted(len(some), 'image')} of {pickers.spec_name(some.name)} as one set. "
        f"Dotted: {image}. Size in bytes: K x {held.bits} bits / 8."
    )
    if held.fitted_on is not None:
        fitted = caches.pca_of(held.fitted_on).fitted_on
        text += (
            f" PCA has K components on the same images and is fitted on "
            f"{counted(fitted, 'image')} of {pickers.spec_name(held.fitted_on.name)}."
        )
        limits = held.fitted_on.real_dimension, fitted
        if fewer := fewer_components(held.checkpoint.config.latent_dim, *limits):
            text += f" It has at most {fewer}."
    if steps := held.checkpoint.config.refinement_steps:
        text += f" Codes are refined at full length ({counted(steps, 'step')}), then shortened."
    return text


def _suggestion(checkpoint: Checkpoint) -> str:
    """What one should know of a model whose short codes were not trained; "" for one whose were."""
    if checkpoint.config.nested_dropout:
        return ""
    text = "This model was trained for its full code length only."
    entries = model_cards.checkpoint_options().values()
    others = [entry.name for entry in entries if entry.config.model.nested_dropout]
    if others:
        text += f" {plain(others[0])} was trained for every length (nested dropout): choose it "
        text += "under Model."
    return text


def _numbers(
    bits: int,
    place: int,
    number: int,
    lengths: Sequence[int],
    frames: Mapping[str, Frames],
    curves: Mapping[str, Frames],
) -> list[dict[str, float]]:
    """A row for each length: its bytes, and PSNR (dB) of the measured images and of the image at
    this place, which has this number in its set."""
    columns = {}
    for name, item in frames.items():
        columns[f"{name}_psnr_db"] = curves[name].psnr()
        columns[f"{name}_image_{number}_psnr_db"] = item.psnr(place)
    return [
        {"values": length, "bytes": compressors.code_bytes(length, bits)}
        | {name: values[n] for name, values in columns.items()}
        for n, length in enumerate(lengths)
    ]
