"""Choices that all pages share: the model, the images. Each is a widget whose value stays in the
address of the page, so that a change of page, a reload and a link keep it."""

from collections.abc import Collection

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint, Entry
from convae.ui import address, caches, frame, pictures
from convae.ui.address import UPLOADS, spec_name
from convae.ui.escape import plain
from convae.ui.image_sources import default_source, is_trained_on, sources_of
from convae.ui.model_cards import checkpoint_options, describe, is_cifar10, psnr_of
from convae.ui.uploads import offer_cifar10, uploads


def name_damaged(names: Collection[str]) -> None:
    """Which models and runs are left out of the lists because they are damaged, if any."""
    if names := list(names):
        shown = ", ".join(plain(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        st.caption(
            f":material/warning: Damaged and left out: {shown}. Train > Runs says why and can "
            "delete a damaged run."
        )


def default_checkpoint(options: dict[str, Entry]) -> str:
    """The best shipped CIFAR-10 model; without one the newest run. Denoisers and variational models
    are made for other ends than reconstruction, and are not chosen for their PSNR."""
    shipped = checkpoints.root().resolve()
    best = [e for e in options.values() if e.path.resolve().parent == shipped and is_cifar10(e)
            and not e.config.noise_std and not e.config.model.variational]  # fmt: skip
    if best:
        return max(best, key=lambda entry: psnr_of(entry) or float("-inf")).name
    own = [e.name for e in options.values() if e.path.resolve().parent != shipped]
    return (own or list(options))[0]


def pick_checkpoint(key: str = "model") -> Checkpoint:
    """The chosen model, loaded; explains how to get one and ends the page where there is none."""
    entries, damaged = checkpoints.survey()
    options = {entry.name: entry for entry in entries}
    if not options:
        _no_model(damaged)
    default = default_checkpoint(options)
    asked = st.query_params.get(key)
    with frame.steady():
        if asked is not None and asked not in options:
            st.info(
                f"The address names a model that is not here; this is {plain(default)} instead.",
                icon=":material/info:",
            )
    address.remind(key, options)
    if st.session_state.get(f"{key}-next") in options:
        st.session_state[key] = st.session_state.pop(f"{key}-next")
    if st.session_state.get(key, default) not in options:
        st.session_state[key] = default  # the chosen model was deleted
    with st.sidebar:
        name = st.selectbox(
            "Model",
            list(options),
            index=list(options).index(default),
            key=key,
            bind="query-params",
            persist_state="session",
        )
        st.caption(plain(describe(options[address.keep(key, name)]), 300))
        with frame.steady():
            name_damaged(damaged)
    with frame.error_boundary():
        return caches.load_checkpoint(name)


def _no_model(damaged: Collection[str]) -> None:
    name_damaged(damaged)
    st.info("There is no model yet: train one first, the drawn shapes take a minute.")
    if st.button("Train a model", type="primary", icon=":material/model_training:"):
        st.switch_page("pages/train.py")
    st.stop()


def pick_source(classes: bool = False) -> str:
    """The chosen image set, a spec or UPLOADS; follows the model until one chooses otherwise.

    classes: the page compares classes, of which photos have two, pieces of two photographs; so
    digits take the place of photos as the default.
    """
    entry = checkpoint_options().get(st.session_state.get("model", ""))
    sources = sources_of(entry)
    default = default_source(entry, sources)
    if classes and default == "photos" and not is_trained_on(entry, "photos"):
        default = "digits"
    address.remind("data", sources)
    before = st.session_state.get("data-default")
    if before is not None and before != default and st.session_state.get("data") == before:
        st.session_state["data"] = default
    if st.session_state.get("data", default) not in sources:
        st.session_state["data"] = default
    st.session_state["data-default"] = default
    asked = st.query_params.get("data")
    with frame.steady():
        if asked is not None and asked not in [spec_name(source) for source in sources]:
            st.info(
                "The address names images that are not here; these are "
                f"{plain(spec_name(default))} instead.",
                icon=":material/info:",
            )
    chosen = st.selectbox(
        "Images",
        sources,
        index=sources.index(default),
        format_func=spec_name,
        key="data",
        bind="query-params",
        persist_state="session",
        help="\n".join(f"* {spec_name(spec)}: {told}" for spec, told in data.SPECS.items()),
    )
    return address.keep("data", chosen)


def pick_set(classes: bool = False) -> ImageSet:
    """The chosen image set: its whole test split, or what the visitor has uploaded. classes: as in
    `pick_source`."""
    with st.sidebar:
        source = pick_source(classes)
    with frame.steady():
        if source == UPLOADS:
            return uploads()
        if source == "cifar10" and not data.cifar10_present():
            offer_cifar10()
        with frame.error_boundary():
            return caches.image_set(source, "test")


def pick_images(
    count: int = 16, key: str = "images", *, most: int = 64, choose_class: bool = True
) -> ImageSet:
    """Images of the chosen set, a sample of its test split, or what the visitor has uploaded.

    The sample is a function of its number: the same number draws the same images again.
    """
    whole, rows = pick_rows(count, key, most=most, choose_class=choose_class)
    return whole.take(rows)


def pick_rows(
    count: int = 16, key: str = "images", *, most: int = 64, choose_class: bool = True
) -> tuple[ImageSet, np.ndarray]:
    """The same as a whole set, and which of its images are chosen: their places in it."""
    whole = pick_set()
    if whole.name == UPLOADS:
        return whole, np.arange(min(most, len(whole)))
    with st.sidebar:
        label = None
        with frame.steady():
            if choose_class and len(whole.class_names) > 1:
                label = st.selectbox(
                    "Class",
                    whole.class_names,
                    index=None,
                    placeholder="All classes",
                    key=f"{key}-class",
                    bind="query-params",
                    persist_state="session",
                )
        left, right = st.columns(2)
        shown = left.number_input(
            "How many",
            1,
            most,
            count,
            key=f"{key}-count",
            bind="query-params",
            persist_state="session",
        )
        sample = right.number_input(
            "Sample",
            1,
            9999,
            1,
            key=f"{key}-sample",
            bind="query-params",
            persist_state="session",
            help="Another number draws other images.",
        )
    fitting = np.arange(len(whole))
    if label is not None:
        fitting = np.flatnonzero(whole.labels == whole.class_names.index(label))
    return whole, np.random.default_rng(sample).permutation(fitting)[:shown]


def many_images(limit: int = 500) -> ImageSet:
    """Up to `limit` images of the chosen set, for figures; call it after `pick_images`."""
    source = st.session_state["data"]
    kept = st.session_state.get("uploads-set")
    whole = kept if source == UPLOADS and kept else caches.image_set(source, "test")
    return caches.sample(whole, limit)


def pick_one(found: ImageSet, key: str = "one") -> int:
    """The number of one of these images, chosen by a click on its thumbnail."""
    with st.container(key=f"thumbs-{key}"):
        return st.pills(
            "Choose an image",
            range(len(found)),
            default=0,
            required=True,
            format_func=lambda n: f"![image {n + 1}]({pictures.data_url(found.images[n])})",
            label_visibility="collapsed",
            key=key,
        )
