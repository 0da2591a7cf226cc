"""A selection on the Latent map page: its images page by page, classes, means and downloads."""

import io
import zipfile

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.ui import frame, pictures
from convae.ui.address import BOUND
from convae.ui.components import clickable
from convae.ui.latent_map import chart
from convae.ui.latent_map import view as map_view
from convae.ui.latent_map.neighbors import names
from convae.ui.latent_map.panels import csv_of
from convae.ui.latent_map.view import View
from convae.wording import counted

PAGE = 60  # images of a selection that are drawn at once
TALL = 12  # classes that are listed without a scroll bar


def group(view: View, ids: np.ndarray) -> None:
    """A group: its mean image, its mean code decoded, its classes, and all its images."""
    result = view.images
    chart.heading(f"{counted(len(ids), 'image')} selected")
    mean = result.images[ids].mean(axis=0).round().astype(np.uint8)
    decoded = view.checkpoint.decode(view.codes[ids].mean(axis=0, keepdims=True))[0]
    pair = st.container(horizontal=True)  # columns would be stacked on a phone
    with pair.container(width=150):
        pictures.large_image(mean, "mean of the images", side=130)
    with pair.container(width=150):
        pictures.large_image(decoded, "mean of the codes, decoded", side=130)
    with st.container(horizontal=True):
        st.button(
            "Isolate", key="latent-isolate", icon=":material/filter_center_focus:",
            on_click=map_view.isolate, args=(view, ids),
            help="Show only these images; then a map of them alone can be computed.",
        )  # fmt: skip
        frame.download(
            "Images (zip)",
            lambda: zip_of(result.images[ids], ids),
            "selection.zip",
            "application/zip",
        )
        frame.download("Points (CSV)", lambda: csv_of(view, ids), "selection.csv", "text/csv")
    if len(result.class_names) > 1:
        _classes(view, ids)
    _pages(view, ids)
    st.caption("Click an image to see it and its neighbors. Double-click the map to deselect.")


def _classes(view: View, ids: np.ndarray) -> None:
    result = view.images
    counts = np.bincount(result.labels[ids], minlength=len(result.class_names))
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    firsts = [ids[result.labels[ids] == i][0] for i in order]
    with st.container(height=500 if len(order) > TALL else "content", border=False):
        clickable.bars(
            result.images[firsts], [result.class_names[i] for i in order],
            100 * counts[order] / len(ids), "%", key="latent-classes-of-selection",
        )  # fmt: skip


def _pages(view: View, ids: np.ndarray) -> None:
    pages = -(-len(ids) // PAGE)
    number = 1
    if pages > 1:
        if (st.session_state.get("latent-page") or 1) > pages:
            st.session_state["latent-page"] = pages
        number = st.number_input(
            f"Page (of {pages})", 1, pages, key="latent-page", width=150, **BOUND
        )
    shown = ids[(number - 1) * PAGE : number * PAGE]
    clickable.gallery(
        view.images.images[shown], names(view, shown), shown,
        key="latent-gallery", on_click=chart.choose,
    )  # fmt: skip
    first = (number - 1) * PAGE + 1
    last = first + len(shown) - 1
    which = f"Image {first:,}" if first == last else f"Images {first:,} to {last:,}"
    st.caption(f"{which} of {len(ids):,}.")


def zip_of(images: np.ndarray, ids: np.ndarray) -> bytes:
    """PNG files in a zip, named by the number of each image."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for image, row in zip(images, ids, strict=True):
            archive.writestr(f"image-{row:05d}.png", pixels.png_bytes(image, small=False))
    return buffer.getvalue()
