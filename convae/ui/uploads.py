"""Images that are not here yet: CIFAR-10 from the network, and what a visitor brings."""

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet, disk_cache
from convae.data import uploads as image_uploads
from convae.ui import frame
from convae.ui.address import UPLOADS
from convae.ui.escape import sentence

MEGABYTES = 170  # what CIFAR-10 weighs on its way


def offer_cifar10() -> None:
    """Offer the download, with a bar when it is taken up; the page ends here."""
    st.info(
        "CIFAR-10 (60,000 photographs of ten kinds of things) is not on this machine yet.",
        icon=":material/download:",
    )
    if st.button(f"Download CIFAR-10 ({MEGABYTES} MB)", type="primary", key="download-cifar10"):
        with frame.error_boundary(), frame.progress() as report:
            data.download_cifar10(report)
        st.rerun()
    st.caption("It is checked, kept for the next time, and resumed if the connection breaks.")
    st.stop()


def uploads() -> ImageSet:
    """What the visitor gave, kept for the session as 32x32 pixels; without any the page ends."""
    kept: ImageSet | None = st.session_state.get("uploads-set")
    with st.expander("Your images", expanded=kept is None, icon=":material/upload:"):
        files = st.file_uploader(
            "Images or a zip of images; they stay in this session only",
            type=["png", "jpg", "jpeg", "webp", "bmp", "gif", "zip"],
            accept_multiple_files=True,
            key="uploads-files",
        )
        given = tuple(file.file_id for file in files)
        if given and given != st.session_state.get("uploads-given"):
            decoded, problems = image_uploads.decode_uploads([file.getvalue() for file in files])
            st.session_state["uploads-given"] = given
            st.session_state["uploads-problems"] = problems
            kept = as_set(decoded) if len(decoded) else None
            st.session_state["uploads-set"] = kept
        for problem in st.session_state.get("uploads-problems", [])[:10]:
            st.warning(sentence(problem), icon=":material/warning:")
    if kept is None:
        st.caption(
            "Each image is cropped to a square and made 32 pixels wide: what the model reads."
        )
        st.stop()
    return kept


def as_set(decoded: np.ndarray) -> ImageSet:
    """Images that belong to no set, uint8 (N, 32, 32, 3), as one."""
    labels = np.zeros(len(decoded), np.int64)
    digest = disk_cache.fingerprint(decoded, labels, ("all",))
    return ImageSet(decoded, labels, ("all",), "test", UPLOADS, digest)
