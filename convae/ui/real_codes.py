"""How far codes are from those of real images: one number for a code, the same on every page.

Each page measures against the same sample of the chosen test images, encoded by the model as it is,
with `Typicality.percentile`, and shows it as `Typicality.sentence`.
"""

import numpy as np
import streamlit as st

from convae.data import ImageSet, own_sets
from convae.latent import typicality
from convae.latent.typicality import Typicality
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, image_sources, model_cards, uploads
from convae.ui.address import UPLOADS, spec_name

SAMPLE = 3_000  # real codes to compare with: 2 s to encode and index on one core


def reference(checkpoint: Checkpoint, images: ImageSet) -> ImageSet:
    """The real images to compare with: the test images chosen on the page. Where a visitor's own
    set has too few of them for a percentile: those of the set that the model was trained on."""
    if images.name == UPLOADS:
        images = uploads.measured() if uploads.uploaded() is not None else images
    elif not images.name.startswith(own_sets.KIND):
        return images
    if len(images) >= typicality.LEAST:
        return images
    entry = model_cards.checkpoint_options().get(checkpoint.name)
    sources = [source for source in image_sources.sources_of(entry) if source != UPLOADS]
    with frame.error_boundary():
        return caches.image_set(image_sources.default_source(entry, sources), "test")


def sample_of(
    checkpoint: Checkpoint, images: ImageSet, limit: int = SAMPLE
) -> tuple[ImageSet, np.ndarray]:
    """Up to `limit` of the real images, and their codes float32 (N, latent_dim)."""
    sample = caches.sample(reference(checkpoint, images), limit)
    return sample, caches.codes_of(checkpoint, sample)


def ready(checkpoint: Checkpoint, images: ImageSet) -> bool:
    """Whether the codes of the whole sample are known."""
    return caches.codes_ready(checkpoint, caches.sample(reference(checkpoint, images), SAMPLE))


def typical(checkpoint: Checkpoint, images: ImageSet) -> Typicality:
    """What is typical of the codes of the real images."""
    sample, codes = sample_of(checkpoint, images)
    return _fitted(checkpoint.sha256, sample.fingerprint, codes)


@st.cache_resource(max_entries=8, show_spinner=False)
def _fitted(sha256: str, fingerprint: str, _codes: np.ndarray) -> Typicality:
    return typicality.fit(_codes)


def off_manifold(checkpoint: Checkpoint, images: ImageSet, codes: np.ndarray) -> np.ndarray:
    """The off-manifold percentiles float32 (M,) of codes (M, latent_dim); nan: too few real codes.

    images: the whole set that is chosen on the page.
    """
    return typical(checkpoint, images).percentile(codes)


def sentence(checkpoint: Checkpoint, images: ImageSet, code: np.ndarray) -> str:
    """The off-manifold percentile of a code (latent_dim,), as every page shows it."""
    fitted = typical(checkpoint, images)
    return described(checkpoint, images, fitted.percentile(code[None])[0])


def described(checkpoint: Checkpoint, images: ImageSet, percentile: float) -> str:
    """`Typicality.sentence`, with the name of the real images where they are not `images`."""
    text = typical(checkpoint, images).sentence(percentile)
    name = stand_in(checkpoint, images)
    return f"{text} of {name}" if name and np.isfinite(percentile) else text


def stand_in(checkpoint: Checkpoint, images: ImageSet) -> str:
    """The displayed name of the set that is compared with instead of `images`; "" if none is."""
    name = reference(checkpoint, images).name
    return spec_name(name) if name != images.name else ""
