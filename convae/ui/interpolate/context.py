"""What the Interpolate page works with: the model, the images to choose from, the real codes."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.latent import interpolation, priors, typicality
from convae.latent.keyframes import Keyframe, Known, example_terms, examples
from convae.latent.typicality import Typicality
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, pickers, query, real_codes, uploads
from convae.ui.address import UPLOADS


class Context(NamedTuple):
    """checkpoint: the chosen model. known: all that keyframes may name. gallery: the keyframes that
    are offered as thumbnails. partial: whether `known` has the codes of the first few real images
    only; `complete` computes the others."""

    checkpoint: Checkpoint
    known: Known
    gallery: list[Keyframe]
    partial: bool = False

    def complete(self) -> None:
        """Compute all codes and draw the page anew, at the end of one drawn with a few."""
        if self.partial:
            query.note_ignored()  # this run does not reach the end of the page
            real_codes.sample_of(self.checkpoint, self.known.test)
            st.rerun()

    def sentence(self, percentile: float) -> str:
        """An off-manifold percentile as it is shown; with a few codes that the picture will change.

        About as long as the sentence that follows, so that nothing below it moves.
        """
        if not self.partial:
            return real_codes.described(self.checkpoint, self.known.test, percentile)
        few, all_codes = len(self.known.sample), min(len(self.known.test), real_codes.SAMPLE)
        return (
            f"Preliminary: from {few:,} of {all_codes:,} real codes. The others are being computed."
        )

    def examples(self, count: int) -> list[Keyframe]:
        """The first keyframes: of the images of the session where these are chosen, then of the
        real ones."""
        first = examples(self.known.test, count)
        own = uploads.uploaded()
        if own is None or not self.gallery or self.gallery[0].kind != "u":
            return first
        mine = [Keyframe("u", item.number + 1) for item in examples(own, min(count, len(own)))]
        return [*mine, *first][:count]

    def example_terms(self) -> list[Keyframe]:
        """The first A - B + C; C is the first image of the session where these are chosen."""
        terms = example_terms(self.known.test)
        return [*terms[:2], *self.examples(1)] if self.examples(1)[0].kind == "u" else terms

    @property
    def real_name(self) -> str:
        """The displayed name of the set of the real images."""
        return pickers.spec_name(self.known.test.name)

    @property
    def real(self) -> interpolation.RealCodes:
        if self.partial:  # too few codes to tell what is typical
            typical = typicality.fit(self.known.codes[:0])
        else:
            typical = real_codes.typical(self.checkpoint, self.known.test)
        fingerprint = self.known.sample.fingerprint
        return _real(self.checkpoint.sha256, fingerprint, self.known.codes, typical)

    @property
    def prior(self) -> priors.Prior:
        """A Gaussian mixture fitted to the codes of the sample."""
        sample = self.known.sample
        return _prior(self.checkpoint.sha256, sample.fingerprint, self.known.codes)


@st.cache_resource(max_entries=4, show_spinner="Computing the nearest neighbors of the codes")
def _real(
    sha256: str, fingerprint: str, _codes: np.ndarray, _typical: Typicality
) -> interpolation.RealCodes:
    return interpolation.real_codes(_codes, _typical)


@st.cache_resource(max_entries=4, show_spinner="Fitting a prior to the codes")
def _prior(sha256: str, fingerprint: str, _codes: np.ndarray) -> priors.Prior:
    return priors.fit_gmm(_codes)


def pick_context(
    checkpoint: Checkpoint, key: str, count: int = 24, *, few_first: bool = False
) -> Context:
    """The chosen images with the codes of a sample of their set; `count` thumbnails by default.

    few_first: start with the codes of a few images where those of the sample take seconds; then
    call `Context.complete`.
    """
    whole, rows = pickers.pick_rows(checkpoint, count, key, most=60)
    own = uploads.uploaded()
    uploaded = own.images if own is not None else np.zeros((0, 32, 32, 3), np.uint8)
    with frame.steady():
        gallery = [Keyframe("", int(row)) for row in rows]
        real = real_codes.reference(checkpoint, whole)
        if whole.name == UPLOADS:
            gallery = [Keyframe("u", int(row) + 1) for row in rows]
            whole = uploads.measured() if len(own) >= uploads.FEW_HELD_OUT else real
        partial = False
        if whole.fingerprint == real.fingerprint:
            partial = few_first and not real_codes.ready(checkpoint, whole)
            limit = caches.MANY if partial else real_codes.SAMPLE
            sample, codes = real_codes.sample_of(checkpoint, whole, limit)
        else:  # too few of the visitor's own for a percentile, not for neighbors
            sample = caches.sample(whole, real_codes.SAMPLE)
            codes = caches.codes_of(checkpoint, sample)
    return Context(checkpoint, Known(whole, uploaded, sample, codes), gallery, partial)
