"""What the Interpolate page works with: the model, the images to choose from, the real codes."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.latent import interpolation, priors
from convae.latent.keyframes import Keyframe, Known
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, image_sources, model_cards, pickers, uploads
from convae.ui.address import UPLOADS

SAMPLE = 3_000  # real codes to compare with: 2 s to encode and index on one core


class Context(NamedTuple):
    """checkpoint: the chosen model. known: all that keyframes may name. gallery: the keyframes that
    are offered as thumbnails."""

    checkpoint: Checkpoint
    known: Known
    gallery: list[Keyframe]

    @property
    def real(self) -> interpolation.RealCodes:
        sample = self.known.sample
        return _real(self.checkpoint.sha256, sample.fingerprint, self.known.codes)

    @property
    def prior(self) -> priors.Prior:
        """A Gaussian mixture fitted to the codes of the sample."""
        sample = self.known.sample
        return _prior(self.checkpoint.sha256, sample.fingerprint, self.known.codes)


@st.cache_resource(max_entries=4, show_spinner="Computing the nearest neighbors of the codes")
def _real(sha256: str, fingerprint: str, _codes: np.ndarray) -> interpolation.RealCodes:
    return interpolation.real_codes(_codes)


@st.cache_resource(max_entries=4, show_spinner="Fitting a prior to the codes")
def _prior(sha256: str, fingerprint: str, _codes: np.ndarray) -> priors.Prior:
    return priors.fit_gmm(_codes)


def pick_context(checkpoint: Checkpoint, key: str, count: int = 24) -> Context:
    """The chosen images with the codes of a sample of their set; `count` thumbnails by default."""
    whole, rows = pickers.pick_rows(checkpoint, count, key, most=60)
    own = uploads.uploaded()
    uploaded = own.images if own is not None else np.zeros((0, 32, 32, 3), np.uint8)
    with frame.steady():
        if whole.name == UPLOADS:
            whole = _default_images(checkpoint)
            gallery = [Keyframe("u", int(row) + 1) for row in rows]
        else:
            gallery = [Keyframe("", int(row)) for row in rows]
        sample = caches.sample(whole, SAMPLE)
        codes = caches.codes_of(checkpoint, sample)
    return Context(checkpoint, Known(whole, uploaded, sample, codes), gallery)


def _default_images(checkpoint: Checkpoint) -> ImageSet:
    """The real images to compare uploads with: those of the set that the model was trained on."""
    entry = model_cards.checkpoint_options().get(checkpoint.name)
    sources = [source for source in image_sources.sources_of(entry) if source != UPLOADS]
    with frame.error_boundary():
        return caches.image_set(image_sources.default_source(entry, sources), "test")
