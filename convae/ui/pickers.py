"""Choices that all pages share: the model, the images. Each is a widget whose value stays in the
address of the page, so that a change of page, a reload and a link keep it."""

from collections.abc import Collection

import numpy as np
import streamlit as st

from convae import data, runs
from convae.data import ImageSet, catalog
from convae.errors import ConvaeError
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint, Entry
from convae.ui import address, caches, frame, pictures
from convae.ui.address import NAMES, UPLOADS, spec_name
from convae.ui.escape import plain
from convae.ui.uploads import offer_cifar10, uploads


def is_cifar10(entry: Entry) -> bool:
    """Whether a model learned from CIFAR-10, wherever the images lay."""
    classes = entry.card.get("classes") or []
    return entry.config.data.spec == "cifar10" or {"airplane", "frog", "truck"} <= set(classes)


def psnr_of(entry: Entry) -> float | None:
    """The PSNR (dB) on test images that its card states; None where it was not measured there."""
    return _finite(_test_of(entry).get("psnr"))


def measured_on(entry: Entry) -> str:
    """Which images `psnr_of` is measured on and how many; "" where there is no such figure."""
    test = _test_of(entry)
    if psnr_of(entry) is None:
        return ""
    if isinstance(test.get("images"), str):
        return test["images"]
    count = _finite(test.get("n"))
    many = f"{count:,.0f} " if count else ""
    return f"{many}test images of {trained_on(entry)}"


def epochs_of(entry: Entry) -> int | None:
    """Epochs trained in all: of the run itself and of the models it started from, one by one."""
    total, card = None, entry.card
    while isinstance(card, dict):
        training = card.get("training")
        epoch = _finite(training.get("epoch")) if isinstance(training, dict) else None
        if epoch is not None:
            total = (total or 0) + int(epoch)
        card = card.get("started_from")
    return total


def _test_of(entry: Entry) -> dict:
    measured = entry.card.get("metrics")
    test = measured.get("test") if isinstance(measured, dict) else None
    return test if isinstance(test, dict) else {}


def _finite(value) -> float | None:
    """A card is read as it comes: a figure counts only where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)


def trained_on(entry: Entry) -> str:
    return NAMES["cifar10"] if is_cifar10(entry) else spec_name(entry.config.data.spec)


def describe(entry: Entry) -> str:
    """A model in one line: what it is, how small its code, what it has seen, how good it is."""
    model = entry.config.model
    told = [model.architecture, f"{model.latent_dim} values", trained_on(entry)]
    return " · ".join(told + ([f"{psnr_of(entry):.1f} dB"] if psnr_of(entry) is not None else []))


def checkpoint_options() -> dict[str, Entry]:
    """The models at hand by name, in the order of every list: shipped ones, then newest runs."""
    return {entry.name: entry for entry in checkpoints.listing()}


def name_damaged(names: Collection[str]) -> None:
    """Which models and runs are left out of the lists because they are damaged, if any."""
    if names := list(names):
        shown = ", ".join(plain(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        st.caption(
            f":material/warning: Damaged and left out: {shown}. Train > Runs says why and can "
            "delete a damaged run."
        )


def models_table() -> None:
    """All models at hand, one a line."""
    rows = [
        {
            "Model": entry.name,
            "Architecture": entry.config.model.architecture,
            "Code": entry.config.model.latent_dim,
            "Fewer numbers": f"{entry.config.compression:.3g} : 1",
            "Learned from": trained_on(entry),
            "Test PSNR (dB)": psnr_of(entry),
            "Measured on": measured_on(entry) or None,
            "Parameters": entry.card.get("parameters"),
            "Epochs": epochs_of(entry),
        }
        for entry in checkpoint_options().values()
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Test PSNR (dB)": st.column_config.NumberColumn(format="%.1f"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
        },
        placeholder="-",
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


def choose_checkpoint(name: str, key: str = "model") -> None:
    """Make this the chosen model, from the next time on that a page is drawn."""
    st.session_state[f"{key}-next"] = name


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


def sources_of(entry: Entry | None) -> list[str]:
    """The specs to choose from beside this model: the built-in ones, and the folders and files that
    runs of this machine were trained on, its own first: a card may come from anywhere and name any
    path, so others do not count, and uploaded ones least of all.
    """
    entries = [*([entry] if entry is not None else []), *checkpoint_options().values()]
    ours = [each.config.data.spec for each in entries if _made_here(each)]
    own = [spec for spec in dict.fromkeys(ours) if spec not in data.SPECS and _exists(spec)]
    return [*own, *data.SPECS, UPLOADS]


def _made_here(entry: Entry) -> bool:
    return (entry.path / "config.json").is_file() and not runs.Run(entry.path).uploaded


def _exists(spec: str) -> bool:
    try:
        data.check_spec(spec)
    except catalog.DataError:
        return False
    return True


def default_source(entry: Entry | None, sources: list[str]) -> str:
    """The images that the model has learned from, if they are here; else some that are."""
    if entry is None:
        return "shapes"
    spec = entry.config.data.spec
    if spec in sources and (spec != "cifar10" or data.cifar10_present()):
        return spec
    if is_cifar10(entry):
        return "cifar10" if data.cifar10_present() else "photos"
    return spec if spec in data.SPECS else "shapes"


def is_trained_on(entry: Entry | None, spec: str) -> bool:
    return entry is not None and entry.config.data.spec == spec


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


def training_images(checkpoint: Checkpoint) -> ImageSet | None:
    """What PCA is fitted on: the model's training images where they are available, else the
    training split of the images shown; None where there is neither."""
    entry = checkpoint_options().get(checkpoint.name)
    own = entry.config.data.spec if entry else ""
    specs = [own if own in sources_of(entry) else ""]
    if entry is not None and is_cifar10(entry):
        specs.append("cifar10")
    specs.append(st.session_state.get("data", ""))
    for spec in specs:
        if spec in ("", UPLOADS) or (spec == "cifar10" and not data.cifar10_present()):
            continue
        try:
            return caches.image_set(spec, "train")
        except ConvaeError:  # a set without a training split
            continue
    return None


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
