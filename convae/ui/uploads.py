"""Images that a visitor uploads."""

import numpy as np
import streamlit as st

from convae.data import ImageSet, disk_cache
from convae.data import uploads as image_uploads
from convae.ui.address import UPLOADS
from convae.ui.escape import sentence


def uploaded() -> ImageSet | None:
    """The images that were uploaded in this session, if any."""
    return st.session_state.get("uploads-set")


def pick_uploads() -> ImageSet:
    """The uploaded images, kept for the session as 32x32 pixels; without any, ends the page."""
    kept = uploaded()
    with st.expander("Your images", expanded=kept is None, icon=":material/upload:"):
        files = st.file_uploader(
            "Images or a zip of images; they are deleted when this session ends",
            type=["png", "jpg", "jpeg", "webp", "bmp", "gif", "zip"],
            accept_multiple_files=True,
            key="uploads-files",
        )
        file_ids = tuple(file.file_id for file in files)
        if file_ids and file_ids != st.session_state.get("uploads-ids"):
            named = [(file.name, file.getvalue()) for file in files]
            decoded, _, problems = image_uploads.decode_uploads(named)
            st.session_state["uploads-ids"] = file_ids
            st.session_state["uploads-problems"] = problems
            kept = as_set(decoded) if len(decoded) else None
            st.session_state["uploads-set"] = kept
        for problem in st.session_state.get("uploads-problems", [])[:10]:
            st.warning(sentence(problem), icon=":material/warning:")
    if kept is None:
        st.caption(
            "Each image is cropped to a square and resized to 32x32 pixels, the model input size."
        )
        st.stop()
    return kept


def as_set(decoded: np.ndarray) -> ImageSet:
    """Images uint8 (N, 32, 32, 3) that belong to no set, as a private ImageSet."""
    labels = np.zeros(len(decoded), np.int64)
    digest = disk_cache.fingerprint(decoded, labels, ("all",)) + disk_cache.PRIVATE
    return ImageSet(decoded, labels, ("all",), "test", UPLOADS, digest)
