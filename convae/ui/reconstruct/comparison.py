"""A model and its baselines on the images of a page; expensive results are cached for all sessions.

Cache keys are the keys of the methods and the fingerprints of the images, never arrays.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.evaluation import compare, compressors, metrics
from convae.evaluation.compressors import ENCODER_ONLY, Method
from convae.evaluation.pca import PCA
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, image_sources, model_cards
from convae.ui.address import spec_name

CURVE = 200  # images that a rate-distortion curve is measured on; each is decoded at 9 sizes
BASELINES = ("PCA", "JPEG", "WebP")
FEW = 64  # images, 0.2 MB: as many as a page shows; measured sets are larger


@dataclass(frozen=True)
class Contest:
    """Which methods are compared on which images. Each is made on first use: PCA takes seconds.

    others: names of further checkpoints.
    """

    checkpoint: Checkpoint
    bits: int
    measured: ImageSet
    others: tuple[str, ...] = ()

    @cached_property
    def fitted_on(self) -> ImageSet | None:
        return image_sources.training_images(self.checkpoint, self.measured.name)

    @cached_property
    def reference(self) -> ImageSet:
        return compressors.reference_of(self.measured, self.fitted_on)

    @property
    def pca_made(self) -> str:
        """What PCA is fitted on, with the name of the set as it is on screen."""
        name = self.fitted_on.name
        return self.method("PCA").details.replace(name, spec_name(name), 1)

    @property
    def model(self) -> Method:
        return self.method(self.checkpoint.name)

    @property
    def names(self) -> list[str]:
        """Names of all methods: the model, its baselines, the other checkpoints."""
        encoder_only = (ENCODER_ONLY,) if self.checkpoint.config.refinement_steps else ()
        baselines = BASELINES if self.fitted_on is not None else BASELINES[1:]
        return [self.checkpoint.name, *encoder_only, *baselines, *self.others]

    def chosen(self, names: Collection[str] | None = None) -> dict[str, Method]:
        """The model and the methods of these names; without names, all methods."""
        wanted = [n for n in self.names if names is None or n in names or n == self.names[0]]
        return {name: self.method(name) for name in wanted}

    def method(self, name: str) -> Method:
        if name == "PCA":
            return _pca(self.fitted_on, self.checkpoint.config.latent_dim, self.bits)
        if name in BASELINES:
            size = compressors.code_bytes(self.checkpoint.config.latent_dim, self.bits)
            return _codecs(self.measured.fingerprint, size, self.measured)[name]
        if name == ENCODER_ONLY:
            checkpoint = caches.refined(self.checkpoint, 0)
        else:
            same = name == self.checkpoint.name
            checkpoint = self.checkpoint if same else caches.load_checkpoint(name)
        if self.bits == compressors.FLOAT:
            method = compressors.model_method(checkpoint, self.measured)
        else:
            sha256, reference = checkpoint.sha256, self.reference.fingerprint
            method = _model(name, sha256, reference, self.bits, checkpoint, self)
        return method._replace(name=name)


def contest(
    checkpoint: Checkpoint, measured: ImageSet, bits: int, beside: Iterable[str] = ()
) -> Contest:
    """The checkpoint and its baselines on `measured`; with the checkpoints named in `beside`, and
    always the shipped classic model that was trained on the same classes, if there is one."""
    others = [name for name in beside if name not in (checkpoint.name, ENCODER_ONLY, *BASELINES)]
    others = list(dict.fromkeys([*others, *_classics(checkpoint)]))
    for name in others:
        caches.load_checkpoint(name)  # raises here for a damaged one, before anything is drawn
    return Contest(checkpoint, bits, measured, tuple(others))


def _classics(checkpoint: Checkpoint) -> list[str]:
    return [
        entry.name
        for entry in model_cards.checkpoint_options().values()
        if entry.path.parent == checkpoints.root()
        and entry.config.model.architecture == "classic"
        and entry.card.classes == checkpoint.card.classes
        and entry.name != checkpoint.name
    ]


def _pca(fitted_on: ImageSet, latent_dim: int, bits: int) -> Method:
    return _quantized_pca(fitted_on.fingerprint, latent_dim, bits, fitted_on)


@st.cache_resource(max_entries=24, show_spinner=False)
def _quantized_pca(fingerprint: str, latent_dim: int, bits: int, _fitted_on: ImageSet) -> Method:
    return compressors.pca_method(caches.pca_of(_fitted_on), _fitted_on, latent_dim, bits)


@st.cache_resource(max_entries=24, show_spinner="Matching JPEG and WebP to the bytes per image")
def _codecs(fingerprint: str, size: int, _measured: ImageSet) -> dict[str, Method]:
    return {method.name: method for method in compressors.codec_methods(_measured.images, size)}


@st.cache_resource(max_entries=24, show_spinner="Calibrating quantization")
def _model(
    name: str, sha256: str, reference: str, bits: int, _model: Checkpoint, _contest: Contest
) -> Method:
    return compressors.model_method(_model, _contest.reference, bits)


def rebuilt_by(method: Method, images: ImageSet) -> np.ndarray:
    """The reconstructions of these images by a method: uint8 (N, 32, 32, 3)."""
    kept = _rebuilt_few if len(images) <= FEW else _rebuilt_many
    return kept(method.key, images.fingerprint, method, images)


@st.cache_resource(max_entries=100, show_spinner="Reconstructing the images")
def _rebuilt_few(key: str, fingerprint: str, _method: Method, _images: ImageSet) -> np.ndarray:
    return _rebuilt(_method, _images)


@st.cache_resource(max_entries=16, show_spinner="Reconstructing the test images")
def _rebuilt_many(key: str, fingerprint: str, _method: Method, _images: ImageSet) -> np.ndarray:
    return _rebuilt(_method, _images)


def _rebuilt(method: Method, images: ImageSet) -> np.ndarray:
    rebuilt = method.rebuild(images.images)
    rebuilt.flags.writeable = False
    return rebuilt


def row_of(method: Method, images: ImageSet) -> compare.Row:
    """The method's line of the table on these images."""
    row = _row(method.key, images.fingerprint, method, images)
    return row._replace(name=method.name, bytes_per_image=method.bytes_per_image)


@st.cache_resource(max_entries=200, show_spinner="Measuring")
def _row(key: str, fingerprint: str, _method: Method, _images: ImageSet) -> compare.Row:
    return compare.row(_method, _images.images, rebuilt_by(_method, _images))


def scores_of(method: Method, images: ImageSet) -> dict[str, np.ndarray]:
    """PSNR (dB) and SSIM of each image: float32 (N,) each."""
    return _scores(method.key, images.fingerprint, method, images)


@st.cache_resource(max_entries=40, show_spinner="Measuring")
def _scores(
    key: str, fingerprint: str, _method: Method, _images: ImageSet
) -> dict[str, np.ndarray]:
    rebuilt = rebuilt_by(_method, _images)
    pair = (_images.images, rebuilt)
    return {"PSNR": metrics.psnr(*pair), "SSIM": metrics.ssim(*pair)}


def codec_note(held: Contest, names: Iterable[str]) -> str:
    """How the quality of these codecs was chosen, and which of them take more bytes than a code
    even at their lowest quality."""
    size = held.model.bytes_per_image
    each = {name: held.method(name).bytes_per_image for name in names}
    fitting = [name for name, needed in each.items() if needed <= size]
    larger = [f"{name} takes {needed:,.1f} bytes" for name, needed in each.items() if needed > size]
    parts = []
    if fitting:
        name = spec_name(held.measured.name)
        highest = f"{' and '.join(fitting)}: the highest quality"
        parts.append(
            f"{highest} at which {len(held.measured):,} images of {name} together, packed into one "
            "file, take no more bytes than their codes; a single image can take more or fewer."
            if len(held.measured) > 1
            else f"{highest} at which the image of {name} takes no more bytes than its code."
        )
    if larger:
        parts.append(
            f"Even at the lowest quality {' and '.join(larger)} an image, more than the "
            f"{size:,.0f} of a code."
        )
    return " ".join(parts)


def label(held: Contest, name: str) -> str:
    """The row label of the reconstructions by a method."""
    return "rebuilt" if name == held.checkpoint.name else name


def each_image(shown: ImageSet, numbers: Iterable[int], chosen: dict[str, Method]) -> list[dict]:
    """One row per image: its number, its class, its PSNR and SSIM by each method."""
    scores = {name: scores_of(method, shown) for name, method in chosen.items()}
    return [
        {"image": int(number), "class": shown.class_names[shown.labels[n]]}
        | {f"{name}_psnr_db": float(values["PSNR"][n]) for name, values in scores.items()}
        | {f"{name}_ssim": float(values["SSIM"][n]) for name, values in scores.items()}
        for n, number in enumerate(numbers)
    ]


def frequencies_of(method: Method | None, images: ImageSet) -> tuple[tuple, list]:
    """The power spectrum of the reconstructions by a method, and its error per frequency band;
    without a method, those of the images themselves."""
    return _frequencies(method.key if method else "", images.fingerprint, method, images)


@st.cache_resource(max_entries=40, show_spinner="Computing spectra")
def _frequencies(
    key: str, fingerprint: str, _method: Method | None, _images: ImageSet
) -> tuple[tuple, list]:
    rebuilt = rebuilt_by(_method, _images) if _method else _images.images
    return metrics.power_spectrum(rebuilt), metrics.band_error(_images.images, rebuilt)


def curves(held: Contest, names: Iterable[str]) -> dict[str, list[tuple[float, float]]]:
    """(bytes per image, PSNR in dB) of the checkpoints of these names, PCA, JPEG and WebP, on a
    sample of the measured images."""
    some = caches.sample(held.measured, CURVE)
    reference, points = held.reference, {}
    for name in names:
        model = held.checkpoint if name == held.names[0] else caches.load_checkpoint(name)
        points[name] = _model_curve(
            model.sha256, some.fingerprint, reference.fingerprint, model, some, reference
        )
    if held.fitted_on is not None:
        pca = caches.pca_of(held.fitted_on)
        points["PCA"] = _pca_curve(
            held.fitted_on.fingerprint, some.fingerprint, pca, some, reference
        )
    return points | _codec_curves(some.fingerprint, some)


@st.cache_resource(max_entries=40, show_spinner="Measuring a model at 1 to 8 bits")
def _model_curve(
    sha256: str,
    images: str,
    reference: str,
    _model: Checkpoint,
    _images: ImageSet,
    _reference: ImageSet,
) -> list[tuple[float, float]]:
    return compressors.model_curve(_model, _images.images, _reference.images)


@st.cache_resource(max_entries=10, show_spinner="Measuring PCA at many sizes")
def _pca_curve(
    fitted_on: str, images: str, _pca: PCA, _images: ImageSet, _reference: ImageSet
) -> list[tuple[float, float]]:
    return compressors.pca_curve(_pca, _images.images, _reference.images)


@st.cache_resource(max_entries=10, show_spinner="Measuring JPEG and WebP")
def _codec_curves(images: str, _images: ImageSet) -> dict[str, list[tuple[float, float]]]:
    return compressors.codec_curves(_images.images)
