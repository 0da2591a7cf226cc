"""The Denoise page: the settings, and the result of each method on the corrupted images.

The result of a method is cached by corruption, strength and images. The cache keys are the keys of
the methods and the fingerprints of the images, never arrays.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.data.corruptions import CORRUPTIONS, Corruption
from convae.models.checkpoints import Checkpoint
from convae.tasks import denoising
from convae.tasks.denoising import CORRUPTED, LABELS, MODEL, PCA_WIENER, Method, Quality
from convae.ui import address, caches, image_sources, long_work, pickers, query
from convae.ui.address import BOUND

MEASURED = (32, 100, 500)
SHIPPED_DENOISER = "cifar10-denoiser"
USUAL = (PCA_WIENER, "nl_means", "wavelet", "tv")  # methods that a first visit shows


@dataclass(frozen=True)
class Setting:
    """The methods compared and the corruption. by: the chosen methods, in order; keys: the
    cache key of each. fitted_on: the images of the PCA."""

    checkpoint: Checkpoint
    by: dict[str, Method]
    keys: dict[str, str]
    fitted_on: ImageSet | None
    kind: str
    strength: float
    seed: int

    @property
    def corruption(self) -> Corruption:
        return CORRUPTIONS[self.kind]

    def label(self, name: str) -> str:
        """The name on screen: of the chosen model with its checkpoint, of others as they are."""
        return f"Model ({self.checkpoint.name})" if name == MODEL else LABELS.get(name, name)


def pick_corruption() -> tuple[str, float, int]:
    """(kind, strength, seed) of the corruption."""
    left, middle, right = st.columns([3, 5, 2], gap="medium", vertical_alignment="bottom")
    kind = left.selectbox(
        "Corruption",
        list(CORRUPTIONS),
        format_func=lambda name: CORRUPTIONS[name].label,
        key="denoise-corruption",
        help="\n".join(f"* {kind.label}: {kind.description}" for kind in CORRUPTIONS.values()),
        **BOUND,
    )
    corruption = CORRUPTIONS[kind]
    strength = middle.slider(
        f"Strength ({corruption.unit})",
        0.0,
        corruption.most,
        corruption.default,
        corruption.step,
        format="%g",
        key=f"denoise-strength-{kind}",
        help=f"{corruption.description} At 0 the image is unchanged.",
        **BOUND,
    )
    seed = right.number_input(
        "Seed",
        0,
        9999,
        0,
        key="denoise-seed",
        help="Random seed of the noise: the same seed gives the same corruption, here and on the "
        "command line.",
        **BOUND,
    )
    return kind, strength, seed


def denoisers(checkpoint: Checkpoint) -> list[str]:
    """Names of other models that were trained to remove noise, the shipped one first."""
    names = [
        entry.name
        for entry in pickers.checkpoint_options().values()
        if entry.config.noise_std > 0 and entry.name != checkpoint.name
    ]
    return sorted(names, key=lambda name: name != SHIPPED_DENOISER)


def pick_methods(checkpoint: Checkpoint) -> list[str]:
    """Names of the methods to show beside the model."""
    others = denoisers(checkpoint)
    offered = [*others, *(name for name in LABELS if name not in (CORRUPTED, MODEL))]
    kept, chosen = st.session_state.get("denoise-methods"), {}
    # after a step in the history Streamlit takes the default, so it must be passed
    fresh = kept is None or (address.by_history() and "denoise-methods" not in st.query_params)
    if fresh or set(kept) <= set(offered):
        chosen["default"] = [*others[:1], *USUAL]
    else:  # a model was deleted, or is the chosen one now
        st.session_state["denoise-methods"] = [name for name in kept if name in offered]
    return st.multiselect(
        "Compare with",
        offered,
        format_func=query.shown_as("denoise-methods", lambda name: LABELS.get(name, name)),
        key="denoise-methods",
        placeholder="Choose filters",
        help="Filters of scikit-image and SciPy, with parameters tuned for each kind and strength "
        "of corruption on a separate set of images. PCA + Wiener multiplies each principal "
        "component by the share of its variance that is signal. Other models that were trained to "
        "remove noise are listed by name.",
        **chosen,
        **BOUND,
    )


def pick_measured() -> int:
    """Number of images to measure on."""
    return st.segmented_control(
        "Measured on",
        MEASURED,
        default=MEASURED[0],
        required=True,
        format_func=lambda count: f"{count} images",
        key="denoise-measured",
        help="Maximum number of test images, always the same ones. More images take longer: about "
        "0.02 s per image and strength.",
        **BOUND,
    )


def prepare(
    checkpoint: Checkpoint, shown: str, chosen: list[str], corruption: tuple[str, float, int]
) -> Setting:
    """The chosen methods for images of the set `shown` (a spec). Fits the PCA on the first call,
    with a progress bar."""
    fitted_on = image_sources.training_images(checkpoint, shown)
    pca = None
    if PCA_WIENER in chosen and fitted_on is not None:
        pca = caches.pca_with_progress(fitted_on)
    methods = denoising.methods(caches.refined(checkpoint, 0), pca)
    keys = {MODEL: checkpoint.card.sha256}
    if pca is not None:
        keys[PCA_WIENER] = fitted_on.fingerprint
    for name in chosen:
        if name not in LABELS:
            other = caches.load_checkpoint(name)
            methods[name], keys[name] = (
                denoising.by_model(caches.refined(other, 0)),
                other.card.sha256,
            )
    by = {name: methods[name] for name in (MODEL, *chosen) if name in methods}
    return Setting(checkpoint, by, {n: keys.get(n, "") for n in by}, fitted_on, *corruption)


@st.cache_resource(max_entries=200, show_spinner=False)
def _restored(
    name: str,
    key: str,
    kind: str,
    strength: float,
    seed: int,
    fingerprint: str,
    _method: Method,
    _images: ImageSet,
) -> dict[str, np.ndarray]:
    comparison = denoising.compare(_images.images, {name: _method}, kind, strength, seed)
    return comparison.restored


# not one cache with `_restored`: the images of 500 take 3 MB for each method and strength
@st.cache_resource(max_entries=2_000, show_spinner=False)
def _quality(
    name: str,
    key: str,
    kind: str,
    strength: float,
    seed: int,
    fingerprint: str,
    _method: Method,
    _images: ImageSet,
) -> dict[str, Quality]:
    comparison = denoising.compare(_images.images, {name: _method}, kind, strength, seed)
    return comparison.quality


@st.cache_resource(max_entries=200, show_spinner=False)
def _slot_of_qualities(
    keys: tuple[tuple[str, str], ...],
    kind: str,
    strengths: tuple[float, ...],
    seed: int,
    fingerprint: str,
) -> long_work.Slot:
    return long_work.Slot()


def restored(setting: Setting, shown: ImageSet) -> dict[str, np.ndarray]:
    """The corrupted images and the result of each method: uint8 (N, 32, 32, 3) each."""
    rows: dict[str, np.ndarray] = {}
    corruption = setting.kind, setting.strength, setting.seed, shown.fingerprint
    for name, method in setting.by.items():
        rows |= _restored(name, setting.keys[name], *corruption, method, shown)
    return rows


def qualities(
    setting: Setting, measured: ImageSet, strengths: list[float]
) -> list[dict[str, Quality]]:
    """PSNR and SSIM of every method at each strength, with a progress bar on the first call."""
    total = len(strengths) * len(setting.by)

    def measure(report: long_work.Report) -> list[dict[str, Quality]]:
        results = []
        for place, strength in enumerate(strengths):
            row: dict[str, Quality] = {}
            for number, (name, method) in enumerate(setting.by.items()):
                report(place * len(setting.by) + number, total, "restoring the images")
                row |= _quality(
                    name, setting.keys[name], setting.kind, strength, setting.seed,
                    measured.fingerprint, method, measured,
                )  # fmt: skip
            results.append(row)
        return results

    # one look-up in the cache for all: each takes almost a millisecond
    keys = tuple((name, setting.keys[name]) for name in setting.by)
    slot = _slot_of_qualities(
        keys, setting.kind, tuple(strengths), setting.seed, measured.fingerprint
    )
    return long_work.fill(slot, measure)
