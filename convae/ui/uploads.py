"""Images of a visitor: kept in the memory of the session, never on disk unless the visitor says so.

They are one set, "Your images", with labels and splits from folder names. `own_images` has the
dialog that adds or keeps them. Pages that show images show all of them. Whatever is fitted to them
is fitted to their training images and measured on the held-out ones (`image_set`), as with any
other set; whatever is only measured on them is measured on `measured`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from convae.data import ImageSet, disk_cache, own_sets
from convae.data import uploads as image_uploads
from convae.data.folder_layout import UNLABELED
from convae.data.own_sets import Arranged
from convae.data.uploads import Decoded
from convae.errors import DataError
from convae.ui import access
from convae.ui.address import UPLOADS
from convae.ui.escape import sentence
from convae.wording import counted

TYPES = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "zip"]
SHOWN_PROBLEMS = 10
PROBLEMS = "uploads-problems"  # of the images of the session, until they are dismissed
FEW_HELD_OUT = 5  # test images: with fewer, what needs no training images is measured on all


def uploaded() -> ImageSet | None:
    """All images that were added in this session, training and test images, if any."""
    return st.session_state.get("uploads-set")


def arranged() -> Arranged | None:
    """The same with labels and splits."""
    return st.session_state.get("uploads-arranged")


def splits() -> tuple[str, ...]:
    """Those of ("train", "test") that `uploaded` has; a single image is a test image."""
    parts = arranged()
    if parts is None:
        return ()
    return ("train", "test") if parts.training_count else ("test",)


def image_set(split: str) -> ImageSet:
    """The "train" or "test" images of `uploaded`. DataError if there are none."""
    whole, parts = uploaded(), arranged()
    if whole is None or parts is None or split not in splits():
        kind = {"train": "training", "test": "test"}[split]
        raise DataError(f"Your images have no {kind} images: add more images.")
    rows = parts.is_test if split == "test" else ~parts.is_test
    return replace(whole.take(np.flatnonzero(rows)), split=split)


def measured() -> ImageSet:
    """The images to measure on where nothing is fitted to the others: the test images, as a model
    may have been trained on the others; all where fewer than FEW_HELD_OUT are held out."""
    test = image_set("test")
    return test if len(test) >= FEW_HELD_OUT else uploaded()


def measured_rows() -> np.ndarray:
    """Where in `uploaded` the images of `measured` are."""
    whole = uploaded()
    return np.arange(len(whole)) if measured() is whole else np.flatnonzero(arranged().is_test)


def used_apart() -> str:
    """What a page does with the images that fits something to them."""
    if len(splits()) < 2:
        return ""
    return "This page fits to the training images and measures on the test images."


def used_whole() -> str:
    """What a page does with the images that uses all of them alike."""
    return "This page uses all of them."


def used_few() -> str:
    """What a page does with the images that shows a few and measures on the set."""
    if measured() is uploaded():
        return used_whole()
    return "This page shows all of them; figures of a whole set are those of the test images."


def accept(decoded: Decoded, add: bool = False) -> None:
    """Make these the images of the session, or add them to those that it has."""
    images, names, problems = decoded
    if add and (before := st.session_state.get("uploads-decoded")) is not None:
        room = max(image_uploads.MAX_UPLOADS - len(before.images), 0)
        if room < len(images):
            problems = [*problems, f"At most {image_uploads.MAX_UPLOADS:,} images are taken."]
        names = [image_uploads.unused(name, before.names) for name in names]
        images = np.concatenate([before.images, images[:room]])
        names = [*before.names, *names[:room]]
    parts = own_sets.arranged(images, names) if names else None
    st.session_state["uploads-decoded"] = Decoded(images, names, [])
    st.session_state["uploads-arranged"] = parts
    st.session_state[PROBLEMS] = [*problems, *(parts.notes if parts else ())]
    st.session_state["uploads-set"] = set_of(parts) if parts else None


def pick_uploads(use: Callable[[], str] = lambda: "") -> ImageSet:
    """The images of this session; without any, asks for some and ends the page. use: gives a
    sentence about what the page does with them."""
    kept = uploaded()
    if not access.may_upload():
        access.explain_uploads()
        st.stop()
    with st.expander("Your images", expanded=kept is None, icon=":material/upload:"):
        files = st.file_uploader(
            "Images or a zip of images. They stay in the memory of this session and are not "
            "written to disk.",
            type=TYPES,
            accept_multiple_files=True,
            key="uploads-files",
        )
        if (decoded := newly_decoded(files, "uploads-ids")) is not None:
            accept(decoded)
            kept = uploaded()
        if kept is not None:
            st.caption(sentence(f"{described(arranged())} {use()}".strip()))
    with st.container(key="uploads-problems-shown"):
        if problems := st.session_state.get(PROBLEMS):
            show_problems(problems)
            st.button(
                "Dismiss warnings", key="uploads-dismiss", icon=":material/close:",
                on_click=st.session_state.pop, args=(PROBLEMS, None),
            )  # fmt: skip
    if kept is None:
        st.caption(
            "Each image is cropped to a square and resized to 32x32 pixels, the model input size."
        )
        st.stop()
    return kept


def newly_decoded(files: Sequence, ids_key: str) -> Decoded | None:
    """The images of a file uploader's files, once for each choice of files; else None."""
    file_ids = tuple(file.file_id for file in files)
    if not file_ids or file_ids == st.session_state.get(ids_key):
        return None
    with st.spinner("Reading the images"):
        decoded = image_uploads.decode_uploads([(file.name, file.getvalue()) for file in files])
    st.session_state[ids_key] = file_ids
    return decoded


def show_problems(problems: Sequence[str]) -> None:
    """A warning for each of the first problems, and how many more there are. Not in an expander:
    a closed one would hide them."""
    for problem in problems[:SHOWN_PROBLEMS]:
        st.warning(sentence(problem), icon=":material/warning:")
    if (more := len(problems) - SHOWN_PROBLEMS) > 0:
        have = "has a problem" if more == 1 else "have problems"
        st.warning(f"{counted(more, 'more file')} {have}.", icon=":material/warning:")


def described(parts: Arranged) -> str:
    """Counts and classes of a set in one sentence."""
    text = counted(len(parts.images), "image")
    if len(parts.class_names) > 1:
        names = [name for name in parts.class_names if name != UNLABELED]
        more = ", ..." if len(names) > 5 else ""
        text += f" of {len(names)} class{'es' * (len(names) > 1)} ({', '.join(names[:5])}{more})"
        if len(names) < len(parts.class_names):
            text += f", {(parts.labels == len(names)).sum():,} of them unlabeled"
    if parts.training_count:
        text += f": {parts.training_count:,} to train on, {parts.is_test.sum():,} to test on"
    return text + "."


def as_set(decoded: np.ndarray) -> ImageSet:
    """Images uint8 (N, 32, 32, 3) that belong to no set, as a private ImageSet."""
    labels = np.zeros(len(decoded), np.int64)
    return _private(decoded, labels, ("all",))


def set_of(parts: Arranged) -> ImageSet:
    """All images of an arranged set as one private ImageSet."""
    return _private(parts.images, parts.labels, parts.class_names)


def _private(images: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> ImageSet:
    digest = disk_cache.fingerprint(images, labels, class_names) + disk_cache.PRIVATE
    return ImageSet(images, labels, class_names, "test", UPLOADS, digest)
