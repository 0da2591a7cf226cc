"""The download of CIFAR-10 on a page: a button, progress for every visitor, cancel."""

import streamlit as st

from convae.data import cifar10_job
from convae.ui import access, frame
from convae.ui.escape import sentence

MEGABYTES = 170
POLL_S = 1.0  # between two looks at the download
NAME = "cifar10"  # of the download, for `access.may_cancel`


def offer_cifar10(shown: str = "") -> None:
    """What a page shows while CIFAR-10 is chosen and absent: a button that starts the download in
    the background, then its progress. The page is drawn again when the images are there.

    shown: name of the image set that the page shows in the meantime.
    """
    meanwhile = f" Showing {shown} until then." if shown else ""
    if cifar10_job.status().state == "working":
        _progress(meanwhile)
    else:
        _button(meanwhile)


def _button(meanwhile: str) -> None:
    failed = cifar10_job.status()
    if failed.state == "failed":
        st.error("The download of CIFAR-10 did not succeed.", icon=":material/cloud_off:")
        with st.expander("Details"):
            st.markdown(sentence(failed.message))
    else:
        st.info(
            "CIFAR-10 (60,000 photographs in ten classes) has not been downloaded yet." + meanwhile,
            icon=":material/download:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Download CIFAR-10 ({MEGABYTES} MB)", type="primary", key="download-cifar10"
        )
        st.caption(
            "It runs in the background for all visitors of this server, is verified by checksum "
            "and resumes after an interruption."
        )
    if pressed:
        with frame.error_boundary():
            cifar10_job.start()
            access.note_started(NAME)
        st.rerun()


@st.fragment(run_every=POLL_S)
def _progress(meanwhile: str) -> None:
    now = cifar10_job.status()
    if now.state != "working":
        access.forget_started(NAME)
        st.rerun()
    arrived = f", {now.done / 1e6:,.0f} of {now.total / 1e6:,.0f} MB" if now.total > 1e6 else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(now.share, f"CIFAR-10: {sentence(now.what)}{arrived}.{meanwhile}")
        if access.may_cancel(NAME) and st.button(
            "Cancel", key="cancel-cifar10", help="What has arrived is kept."
        ):
            cifar10_job.cancel()
            st.rerun()
