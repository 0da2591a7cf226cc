"""Choices that all pages share: the model, the images. Each is a widget whose value stays in the
address of the page, so that a change of page, a reload and a link keep it."""

from collections.abc import Collection, Sequence

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet
from convae.models import checkpoints, default_set
from convae.models.checkpoints import Checkpoint, Entry
from convae.ui import address, caches, frame, own_images, pictures, uploads
from convae.ui.address import UPLOADS, spec_name
from convae.ui.cifar10_download import offer_cifar10
from convae.ui.escape import plain
from convae.ui.image_sources import default_source, sources_of
from convae.ui.model_cards import checkpoint_options, describe, enlarged_note, psnr_of
from convae.ui.uploads import pick_uploads


def name_damaged(names: Collection[str]) -> None:
    """Name the models and runs that are not listed because they are damaged, if any."""
    if names := list(names):
        shown = ", ".join(plain(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        st.caption(
            f":material/warning: Damaged, not listed: {shown}. See Train > Runs for the reason and "
            "to delete a damaged run."
        )


def default_checkpoint(options: dict[str, Entry]) -> str:
    """The shipped CIFAR-10 model with the highest PSNR; without one, the newest run. Denoisers and
    variational models are left out: they are not made for reconstruction."""
    shipped = checkpoints.root().resolve()
    best = [e for e in options.values() if e.path.resolve().parent == shipped
            and default_set.is_cifar10(e.card)
            and not e.config.noise_std and not e.config.model.variational]  # fmt: skip
    if best:
        return max(best, key=lambda entry: psnr_of(entry) or float("-inf")).name
    own = [e.name for e in options.values() if e.path.resolve().parent != shipped]
    return (own or list(options))[0]


def pick_checkpoint(key: str = "model") -> Checkpoint:
    """The chosen model, loaded; without any model, explains how to get one and ends the page."""
    entries, damaged = checkpoints.survey()
    options = {entry.name: entry for entry in entries}
    if not options:
        _no_model(damaged)
    default = default_checkpoint(options)
    requested = st.query_params.get(key)
    with frame.steady():
        if requested is not None and requested not in options:
            st.info(
                f"The model in the address is not available. Showing {plain(default)} instead.",
                icon=":material/info:",
            )
    address.restore(key, options, default)
    with st.sidebar:
        name = st.selectbox("Model", list(options), key=key)
        st.caption(plain(describe(options[address.keep(key, name)]), 300))
        with frame.steady():
            name_damaged(damaged)
    with frame.error_boundary():
        return caches.load_checkpoint(name)


def _no_model(damaged: Collection[str]) -> None:
    name_damaged(damaged)
    st.info("There is no model yet. Train one first; training on Shapes takes about a minute.")
    if st.button("Train a model", type="primary", icon=":material/model_training:"):
        st.switch_page("pages/train.py")
    st.stop()


def name_enlarged(spec: str, latent_dim: int) -> None:
    """Say what the figures of an image set that is enlarged mean; a warning where the code is as
    large as the data."""
    if text := enlarged_note(spec, latent_dim):
        if latent_dim >= data.real_dimension(spec):
            st.warning(text, icon=":material/warning:")
        else:
            st.caption(text)


def pick_source(checkpoint: Checkpoint, few: bool = False) -> str:
    """The chosen image set, a spec or UPLOADS; the default depends on the checkpoint.

    few: the page needs only a few images; see `default_source`.
    """
    entry = checkpoint_options().get(checkpoint.name)
    sources = sources_of(entry)
    default = default_source(entry, sources, few)
    before = st.session_state.get("data-default")
    if before != default and st.session_state.get("data") == before:
        st.session_state["data"] = default
    address.restore("data", sources, default)
    requested = st.query_params.get("data")
    with frame.steady():
        if requested is not None and requested not in [spec_name(source) for source in sources]:
            st.info(
                "The image set in the address is not available. Showing "
                f"{plain(spec_name(default))} instead.",
                icon=":material/info:",
            )
    chosen = st.selectbox(
        "Images",
        sources,
        format_func=spec_name,
        key="data",
        help="\n".join(f"* {spec_name(spec)}: {text}" for spec, text in data.SPECS.items()),
    )
    own_images.add_button("data")
    own_images.listen_for_paste("data")
    return address.keep("data", chosen)


def pick_set(checkpoint: Checkpoint, few: bool = False, held_out: bool = False) -> ImageSet:
    """The whole test split of the chosen image set; of the images of the session all, or with
    held_out their test split, as of any other set. few: see `pick_source`."""
    with st.sidebar:
        source = pick_source(checkpoint, few)
    with frame.steady():
        if source == UPLOADS:
            use = uploads.used_few if few else uploads.used_whole
            whole = pick_uploads(uploads.used_apart if held_out else use)
            return uploads.image_set("test") if held_out else whole
        if source == "cifar10" and not data.cifar10_present():
            source = default_set.without_cifar10(few)
            offer_cifar10(spec_name(source))
        name_enlarged(source, checkpoint.config.latent_dim)
        with frame.error_boundary():
            return caches.image_set(source, "test")


def pick_rows(
    checkpoint: Checkpoint, count: int, key: str, *, most: int = 64
) -> tuple[ImageSet, np.ndarray]:
    """The test split of the chosen set, or the uploaded images, and the rows of a random sample of
    it. The sample number is the seed: the same number gives the same images."""
    whole = pick_set(checkpoint, few=True)
    if whole.name == UPLOADS and len(whole) <= most:
        return whole, np.arange(len(whole))
    with st.sidebar:
        label = None
        with frame.steady():
            present = [whole.class_names[label] for label in np.unique(whole.labels)]
            if len(present) > 1:
                label = st.selectbox(
                    "Class",
                    present,
                    index=None,
                    placeholder="All classes",
                    key=f"{key}-class",
                    **address.BOUND,
                )
        left, right = st.columns(2)
        shown = left.number_input(
            "Count",
            1,
            most,
            count,
            key=f"{key}-count",
            **address.BOUND,
        )
        sample = right.number_input(
            "Sample",
            1,
            9999,
            1,
            key=f"{key}-sample",
            **address.BOUND,
            help="Seed of the sample: another number gives other images.",
        )
    candidates = np.arange(len(whole))
    if label is not None:
        candidates = np.flatnonzero(whole.labels == whole.class_names.index(label))
    return whole, np.random.default_rng(sample).permutation(candidates)[:shown]


def many_images(images: ImageSet, limit: int = 500) -> ImageSet:
    """Up to `limit` test images of the set that `images` is a sample of, to measure on."""
    if images.name == UPLOADS:
        return caches.sample(uploads.measured(), limit)
    return caches.sample(caches.image_set(images.name, "test"), limit)


def many_rows(many: ImageSet) -> np.ndarray:
    """Where the images of `many_images` are: in the test split, or among all of the session."""
    if many.name == UPLOADS:
        return uploads.measured_rows()[uploads.measured().sample_rows(len(many))]
    return caches.image_set(many.name, "test").sample_rows(len(many))


def pick_one(
    images: ImageSet, key: str = "one", numbers: Sequence[int] | np.ndarray | None = None
) -> int:
    """The index of one of these images, chosen by a click on its thumbnail. numbers: what the
    images are called by; without any, by their places from 1."""
    numbers = range(1, len(images) + 1) if numbers is None else numbers
    with st.container(key=f"thumbs-{key}"):
        return st.pills(
            "Choose an image",
            range(len(images)),
            default=0,
            required=True,
            format_func=lambda n: (
                f"![{_named(images, n, numbers[n])}]({pictures.data_url(images.images[n])})"
            ),
            label_visibility="collapsed",
            key=key,
        )


def _named(images: ImageSet, place: int, number: int) -> str:
    """The accessible name of an image: its number, and its class where there are several."""
    if len(images.class_names) < 2:
        return f"image {number}"
    return f"image {number}, {plain(images.class_names[images.labels[place]])}"
