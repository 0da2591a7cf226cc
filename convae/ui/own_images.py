"""Add images: a zip, files or a folder as an image set, for the session or kept on the machine."""

import os
import re
from collections.abc import Sequence

import streamlit as st

from convae import data
from convae.data import ImageSet, own_sets
from convae.data import uploads as image_uploads
from convae.data.own_sets import Arranged
from convae.data.uploads import Decoded
from convae.errors import ConvaeError
from convae.ui import access, pictures, uploads
from convae.ui.address import UPLOADS, spec_name
from convae.ui.components.paste import listen
from convae.ui.escape import plain, sentence
from convae.wording import counted

SESSION, KEPT = "For this session only", "Keep on this machine"
PREVIEW = 8  # images


def session_folders() -> list[str]:
    """The specs of the folders that were named in this session."""
    return st.session_state.get("own-folders", [])


def own_specs() -> list[str]:
    """The image sets that visitors have added: kept ones, and the folders of this session."""
    return [*session_folders(), *own_sets.specs()]


def chosen_kept() -> str | None:
    """The spec of the kept set that the other pages show, if it is one: of the address, or without
    one in it, of the session."""
    written, chosen = st.query_params.get("data"), st.session_state.get("data-kept")
    for spec in own_sets.specs():
        if written in (spec, spec_name(spec)) or (written is None and chosen == spec):
            return spec
    return None


def add_button(target: str, training: bool = False) -> None:
    """The button "Add images" beside a choice of image sets; draws nothing where uploads are
    forbidden.

    target: the key of that choice; the new set is put into the session state as `<target>-next`.
    training: the set is to be trained on, so it must be on disk.
    """
    if not access.may_upload() or (training and not access.may_keep()):
        return
    if st.button("Add images", icon=":material/add_photo_alternate:", key=f"{target}-add"):
        _forget()
        _dialog(target, training)


def listen_for_paste(target: str) -> None:
    """Images pasted anywhere on the page are added to the images of the session."""
    if access.may_upload():
        listen(lambda content: _pasted(content, target))


def _pasted(content: bytes, target: str) -> None:
    decoded = image_uploads.decode_uploads([("pasted.png", content)])
    uploads.accept(decoded, add=True)
    st.session_state[f"{target}-next"] = UPLOADS
    if decoded.names:
        text = f"Pasted. Your images: {uploads.described(uploads.arranged())}"
        st.toast(sentence(text), icon=":material/content_paste:")


def _forget() -> None:
    for key in ("own-ids", "own-decoded", "own-from-session"):
        st.session_state.pop(key, None)


# the run of the page after a dismissal has no dialog: Streamlit forgets what was given in it
@st.dialog("Add images", width="medium", on_dismiss=_forget)
def _dialog(target: str, training: bool) -> None:
    dialog_body(target, training)


def dialog_body(target: str, training: bool) -> None:
    """What the dialog shows; ends with a rerun of the page when a set was added."""
    st.caption(
        "A zip or single images. Folders inside a zip are classes, as in `rose/1.png`; folders "
        "`train` and `test` above them are the splits. Without them a tenth is held out as test "
        "images. Images are cropped to a square and resized to 32x32 pixels. At most "
        f"{image_uploads.MAX_UPLOADS:,} images and 50 MB in one upload."
    )
    files = st.file_uploader(
        "Images or a zip", type=uploads.TYPES, accept_multiple_files=True, key="own-files"
    )
    if (decoded := _chosen(files)) is None:
        if access.may_name_folder():
            _folder(target)
        _kept_sets()
        return
    uploads.show_problems(decoded.problems)
    if not decoded.names:
        st.error("None of these files can be used.", icon=":material/error:")
        return
    parts = own_sets.arranged(decoded.images, decoded.names)
    uploads.show_problems(parts.notes)
    st.markdown(sentence(uploads.described(parts)))
    _preview(parts)
    where = _where(training, not files)
    if where == KEPT:
        _keep(parts, files[0].name if files else "my-images.zip", target, training)
    elif st.button("Use these images", type="primary", key="own-use"):
        uploads.accept(decoded)
        _close(target, UPLOADS)


def _chosen(files: Sequence) -> Decoded | None:
    """The images of these files, or those of the session if the visitor asks for them."""
    if (decoded := uploads.newly_decoded(files, "own-ids")) is not None:
        st.session_state["own-decoded"] = decoded
    if files:
        return st.session_state.get("own-decoded")
    mine = st.session_state.get("uploads-decoded")
    if mine is None or not mine.names or not access.may_keep():
        return None
    return mine if st.toggle("Keep the images of this session", key="own-from-session") else None


def _where(training: bool, session: bool) -> str:
    if training:
        st.caption(
            "Training reads the images from disk, so the set is kept on this machine until you "
            "delete it."
        )
        return KEPT
    if session:
        return KEPT
    if not access.may_keep():
        st.caption("The images stay in the memory of this session and are not written to disk.")
        return SESSION
    return st.radio(
        "Where",
        [SESSION, KEPT],
        captions=[
            "In memory, not written to disk. Not for training.",
            "On disk, offered to every later session and to the command line.",
        ],
        key="own-where",
    )


def _keep(parts: Arranged, file_name: str, target: str, training: bool) -> None:
    if training and parts.training_count < own_sets.MIN_TRAINING:
        st.error(
            f"The set has {counted(parts.training_count, 'training image')}; at least "
            f"{own_sets.MIN_TRAINING} are needed. Add more.",
            icon=":material/error:",
        )
        return
    name = st.text_input(
        "Name of the set",
        value=suggested_name(file_name),
        max_chars=48,
        key="own-name",
        help="a-z, 0-9, - and _. On the command line: `--data own:NAME`.",
    )
    if st.button("Keep these images", type="primary", key="own-keep"):
        try:
            if not access.may_keep():
                raise ConvaeError("Images cannot be kept on this server.")
            spec = own_sets.keep(name, parts)
        except ConvaeError as error:
            st.error(sentence(str(error)), icon=":material/error:")
            return
        st.session_state["train-spec-next"] = spec  # whoever keeps images may want to train on them
        _close(target, spec)


def suggested_name(file_name: str) -> str:
    """A free name for a set, made from the name of the first file."""
    stem = re.sub(r"[^a-z0-9_-]+", "-", file_name.rpartition(".")[0].lower())[:40].strip("-_")
    stem = stem or "images"
    taken, number, name = own_sets.names(), 2, stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _folder(target: str) -> None:
    """A folder, zip or tar on this machine: read in place, as on the command line."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    path = left.text_input(
        "Or a folder, zip or tar on this machine",
        key="own-folder",
        placeholder="/home/me/flowers",
        help="It is read in place. Its images, at 32x32 pixels, are kept in the data folder.",
    )
    if not right.button("Use folder", key="own-use-folder") or not path.strip():
        return
    spec = f"folder:{os.path.abspath(os.path.expanduser(path.strip()))}"
    try:
        with st.spinner("Reading the images"):
            if "test" not in data.splits(spec):
                raise ConvaeError(f"`{spec}` has a single image: give a folder with more.")
    except ConvaeError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    st.session_state["own-folders"] = list(dict.fromkeys([*session_folders(), spec]))
    _close(target, spec)


def _close(target: str, spec: str) -> None:
    st.session_state[f"{target}-next"] = spec
    _forget()
    st.rerun()


def _preview(parts: Arranged) -> None:
    some = ImageSet.sample(uploads.set_of(parts), PREVIEW)
    labeled = len(some.class_names) > 1
    names = [some.class_names[n][:16] for n in some.labels] if labeled else None
    pictures.image_rows({"examples": some.images}, names)


def _kept_sets() -> None:
    """The sets kept on this machine, each with a button that deletes it, for local visitors."""
    names = own_sets.names() if access.may_delete_sets() else []
    if not names:
        return
    st.markdown("**Kept on this machine**")
    for name in names:
        left, right = st.columns([3, 1], vertical_alignment="center")
        splits = own_sets.open_set(name).splits
        counts = ", ".join(
            counted(facts["count"], "training image" if split == "train" else "test image")
            for split, facts in splits.items()
        )
        left.markdown(f"{plain(name)}: {counts}")
        if right.button("Delete", key=f"own-delete-{name}", icon=":material/delete:"):
            st.session_state["own-deleting"] = name
        if st.session_state.get("own-deleting") == name:
            _confirm(name)


def _confirm(name: str) -> None:
    st.warning(
        f"Delete the images of {plain(name)} from this machine? Models trained on them stay.",
        icon=":material/warning:",
    )
    if st.button(f"Delete {plain(name)} now", key="own-delete-now", type="primary"):
        st.session_state.pop("own-deleting", None)
        try:
            own_sets.delete(name)
        except ConvaeError as error:
            st.error(sentence(str(error)), icon=":material/error:")
            return
        st.rerun()
