"""Transforms and inverse transforms by UMAP, computed by a process in the background."""

import numpy as np
import streamlit as st

from convae.errors import ConvaeError
from convae.projection import umap_service
from convae.ui import access
from convae.ui.escape import sentence
from convae.ui.latent_map.view import View

CANCELED = "latent-canceled"


def by_umap(view: View, kind: str, values: np.ndarray) -> np.ndarray | None:
    """The result of a UMAP query (see `umap_service`), or None while it is not known: then progress
    or the error is shown."""
    asked = umap_service.question(kind, values)
    if (result := umap_service.answer(view.key, asked)) is not None:
        return result
    if st.session_state.get(CANCELED) == asked:
        if not st.button("Run UMAP", key="latent-ask-anew", icon=":material/refresh:"):
            return None
        del st.session_state[CANCELED]
    status = umap_service.status(view.key)
    if status.state == "failed":
        st.error(sentence(status.message), icon=":material/error:")
        if not st.button("Run UMAP again", key="latent-ask", icon=":material/refresh:"):
            return None
    is_first = not umap_service.is_asked(view.key, asked)
    try:
        umap_service.ask(view.key, view.codes, view.map.points, view.settings, kind, values)
    except ConvaeError as error:
        st.warning(sentence(str(error)), icon=":material/hourglass_empty:")
        return None
    if is_first:
        access.note_started(asked)
    st.fragment(_wait, run_every=1)(view.key, asked, kind, len(view.codes))
    return None


def _wait(key: str, asked: str, kind: str, count: int) -> None:
    status = umap_service.status(key)
    # without a worker the question was not seen: the page puts it again, which starts one
    if umap_service.answer(key, asked) is not None or status.state in ("failed", "none"):
        st.rerun()
    stage = status.stage.lower() if status.state == "working" else "waiting"
    elapsed, left = umap_service.forecast(key, kind, count)
    st.progress(share_of(status.share, elapsed, left), f"UMAP: {stage}. {outlook(elapsed, left)}")
    if access.may_cancel(asked) and st.button(
        "Cancel", key="latent-ask-cancel", icon=":material/close:"
    ):
        umap_service.cancel(key, asked)
        st.session_state[CANCELED] = asked
        st.rerun()


def share_of(share: float, elapsed: float, left: float | None) -> float:
    """How full the bar is: by the forecast where there is one, else by the stage."""
    return share if not left else min(elapsed / (elapsed + left), 0.99)


def outlook(elapsed: float, left: float | None) -> str:
    """The forecast in words; elapsed: s in this step, left: s to the answer, None if unknown."""
    if left is None:
        return f"{elapsed:.0f} s in this step; no forecast until it has been measured once."
    if left < 1:
        return f"{elapsed:.0f} s in this step, longer than measured last time."
    return f"About {left:.0f} s left, as measured on this machine."
