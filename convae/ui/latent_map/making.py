"""Settings of a UMAP on the Latent map page, and its computation in the background."""

import streamlit as st

from convae.data import ImageSet, disk_cache
from convae.models.checkpoints import Checkpoint
from convae.projection import maps, umap_job
from convae.projection.maps import Settings
from convae.ui import access, caches, frame
from convae.ui.address import BOUND
from convae.ui.escape import sentence


def pick_umap() -> dict:
    """The settings of a UMAP but for its dimensions, by name."""
    values = {}
    with st.popover("UMAP settings", icon=":material/tune:"):
        for f in maps.UMAP_FIELDS[1:]:  # the dimensions stand beside
            meta, label = f.metadata, label_of(f.name)
            arguments = dict(key=f"latent-{f.name}", help=meta["help"], **BOUND)
            if meta["choices"]:
                values[f.name] = st.selectbox(label, meta["choices"], **arguments)
            else:
                step = 0.05 if isinstance(f.default, float) else 1
                values[f.name] = st.number_input(
                    label, meta["low"], meta["high"], f.default, step=step, **arguments
                )
        st.caption("Each combination of settings is a map of its own.")
    return values


def label_of(name: str) -> str:
    return name.replace("_", " ").capitalize()


def named(settings: Settings) -> str:
    """A map in words: its method, its dimensions, and what a UMAP was computed with."""
    if settings.method == "PCA":
        return f"the PCA in {settings.dimensions} dimensions"
    values = [f"{label_of(f.name)} {getattr(settings, f.name)}" for f in maps.UMAP_FIELDS[1:]]
    return f"the UMAP in {settings.dimensions} dimensions with {', '.join(values)}"


def offer(
    key: str, checkpoint: Checkpoint, images: ImageSet, settings: Settings, shown: str
) -> None:
    """A button that computes the UMAP, and its progress. shown: the map that is shown until then,
    in words."""
    if disk_cache.is_private(images.fingerprint):
        st.info(
            "A UMAP is computed from files on the server's disk, where images of this session are "
            f"never written: this is {shown}. Keep your images on this machine to compute one.",
            icon=":material/info:",
        )
        return
    status = umap_job.status(key)
    if status.state == "working":
        st.fragment(_follow, run_every=1)(key, shown)
        return
    if status.state == "failed":
        st.error(sentence(status.message), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", key="latent-offer"):
        if st.button(
            "Compute the UMAP", type="primary", key="latent-make", icon=":material/scatter_plot:"
        ):
            with frame.error_boundary():
                if umap_job.start(key, caches.codes_of(checkpoint, images), settings):
                    access.note_started(key)
            st.rerun()
        st.markdown(
            f"There is no UMAP of these {len(images):,} codes with these settings yet; it takes "
            f"about a minute in the background. **Until then the chart shows {shown}.**"
        )


def _follow(key: str, shown: str) -> None:
    status = umap_job.status(key)
    if status.state != "working":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="latent-making"):
        left = f", {status.remaining_s:.0f} s left" if status.remaining_s else ""
        message = f"UMAP: {status.stage.lower()}{left}. **Until then the chart shows {shown}.**"
        st.progress(status.share, message)
        may_cancel = access.may_cancel(key)
        if may_cancel and st.button("Cancel", key="latent-cancel", icon=":material/close:"):
            umap_job.cancel(key)
            st.rerun()
