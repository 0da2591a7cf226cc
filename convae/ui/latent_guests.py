"""UMAP itself asked, from the Latent map page: a worker answers, the page goes on meanwhile."""

import numpy as np
import streamlit as st

from convae import mapguests
from convae.errors import ConvaeError
from convae.ui.latent import View


def by_umap(view: View, kind: str, values: np.ndarray) -> np.ndarray | None:
    """UMAP's answer to a question of `mapguests`, or None while it is not known: then its progress
    or what is in the way is drawn."""
    asked = mapguests.question(kind, values)
    if (found := mapguests.answer(view.key, asked)) is not None:
        return found
    status = mapguests.status(view.key)
    if status.state == "failed":
        st.error(status.message, icon=":material/error:")
        if not st.button("Ask UMAP again", key="latent-ask", icon=":material/refresh:"):
            return None
    try:
        mapguests.ask(view.key, view.codes, view.map.points, view.settings, kind, values)
    except ConvaeError as error:
        st.warning(str(error), icon=":material/hourglass_empty:")
        return None
    st.fragment(_wait, run_every=1)(view.key, asked)
    return None


def _wait(key: str, asked: str) -> None:
    status = mapguests.status(key)
    if mapguests.answer(key, asked) is not None or status.state == "failed":
        st.rerun()
    stage = status.stage.lower() if status.state == "working" else "waiting"
    st.progress(status.share, f"Asking UMAP: {stage}. The first answer takes half a minute.")
