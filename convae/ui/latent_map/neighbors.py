"""Neighbors on the Latent map page: how many, by which distance, and the list that is clicked."""

from dataclasses import replace

import numpy as np
import streamlit as st

from convae.latent import neighbors
from convae.ui import caches
from convae.ui.address import BOUND
from convae.ui.components import clickable
from convae.ui.latent_map import chart
from convae.ui.latent_map.view import View

MOST = 50


def pick(view: View) -> View:
    """The view with the number of neighbors and the metric that are chosen."""
    count = st.number_input(
        "Neighbors", 1, MOST, 8, key="latent-neighbors", width=130,
        help="Number of nearest images listed and connected by lines on the map.", **BOUND,
    )  # fmt: skip
    metric = st.selectbox(
        "Distance", neighbors.METRICS, key="latent-distance", width=130,
        help="Euclidean: the norm of the difference of two codes. Cosine: 1 - cos of the angle "
        "between them, independent of their norms.", **BOUND,
    )  # fmt: skip
    return replace(view, neighbors=int(count), metric=metric)


def names(view: View, rows: np.ndarray) -> list[str]:
    """A word for each image: its class, else its number."""
    if len(view.images.class_names) < 2:
        return [f"image {row}" for row in rows]
    return [view.images.class_names[view.images.labels[row]] for row in rows]


def nearest(view: View, code: np.ndarray, leave_out: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """The images whose codes are nearest: (distances, rows), as many as are chosen."""
    distances, rows = _nearest(
        view.checkpoint.sha256, view.images.fingerprint, caches.digest_of(code),
        view.neighbors + 1, view.metric, view.codes, code,
    )  # fmt: skip
    keep = np.flatnonzero(rows != leave_out)[: view.neighbors]
    return distances[keep], rows[keep]


@st.cache_resource(max_entries=200, show_spinner=False)
def _nearest(
    sha256: str,
    fingerprint: str,
    digest: str,
    count: int,
    metric: str,
    _codes: np.ndarray,
    _code: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    distances, rows = neighbors.nearest_codes(_codes, _code[None], count, metric)
    return distances[0], rows[0]


def listed(view: View, distances: np.ndarray, rows: np.ndarray, key: str) -> None:
    """Neighbors with a bar for each distance; a click goes to the image."""
    clickable.bars(
        view.images.images[rows], names(view, rows), distances,
        key=key, ids=rows, on_click=chart.choose,
    )  # fmt: skip
