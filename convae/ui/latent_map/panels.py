"""Panels around the map: a point, an empty place, an interpolation, uploads, downloads."""

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.csv_export import to_csv
from convae.data import uploads as image_uploads
from convae.evaluation import metrics
from convae.latent import paths, typicality
from convae.projection import umap_service
from convae.ui import access, address, caches, frame, pictures, real_codes
from convae.ui.escape import plain
from convae.ui.latent_map import chart, umap_queries
from convae.ui.latent_map import view as map_view
from convae.ui.latent_map.neighbors import listed, names, nearest
from convae.ui.latent_map.view import View
from convae.ui.uploads import show_problems

PLACED = ["among its nearest codes", "by UMAP's own transform"]
INVERSES = ["Mean of nearby codes", "Inverse of the map"]
STEPS = 11


def marks_of_point(view: View, chosen: int) -> tuple[list[dict], list[dict]]:
    """A ring around a point and lines to its nearest in code space."""
    at, points = view.map.points[chosen].tolist(), view.map.points
    rows = nearest(view, view.codes[chosen], chosen)[1]
    lines = [{"points": [at, points[row].tolist()], "kind": "near"} for row in rows]
    dots = [{"at": points[row].tolist(), "kind": "near", "small": True} for row in rows]
    return lines, [*dots, {"at": at, "kind": "chosen"}]


def marks_of_walk(view: View, start: int | None, chosen: int) -> tuple[list[dict], list[dict]]:
    """The straight line between two codes, projected to the map."""
    if start is None or start == chosen:
        return [], []
    codes = paths.lerp(view.codes[start], view.codes[chosen], STEPS)
    points = view.map.place(codes)
    points[[0, -1]] = view.map.points[[start, chosen]]
    line = {"points": points.tolist(), "kind": "walk", "dashed": True}
    return [line], [{"at": points[0].tolist(), "kind": "start"}]


def marks_of_spot(at: np.ndarray) -> tuple[list[dict], list[dict]]:
    return [], [{"at": at.tolist(), "kind": "spot"}]


def point(view: View, chosen: int) -> None:
    """One image, its reconstruction, and the images nearest to it in code space."""
    image = view.images.images[chosen][None]
    rebuilt = caches.Remembered(view.checkpoint).decode(view.codes[chosen][None])
    chart.offer_selection(view)
    st.subheader(_title(view, chosen), anchor=False)
    pair = st.container(horizontal=True)  # columns would be stacked on a phone
    with pair.container(width=164):
        pictures.large_image(image[0], "original", side=160)
    with pair.container(width=164):
        psnr = metrics.psnr(image, rebuilt)[0]
        pictures.large_image(rebuilt[0], f"reconstruction, {psnr:.1f} dB", side=160)
    sentence = real_codes.sentence(view.checkpoint, view.chosen, view.codes[chosen])
    st.caption(sentence, help=typicality.HELP)
    distances, rows = nearest(view, view.codes[chosen], chosen)
    if len(rows):
        st.markdown("**Nearest in code space**, with their distances; click one to choose it")
        listed(view, distances, rows, "latent-near")
        st.caption(
            "Lines connect them on the map. A long line is a distance that the projection distorts."
        )


def _title(view: View, chosen: int) -> str:
    labeled = len(view.images.class_names) > 1
    return f"Image {chosen}" + (f": {plain(names(view, [chosen])[0])}" if labeled else "")


def spot(view: View, at: np.ndarray) -> None:
    """An empty place: the code there, decoded, and how far off-manifold it is."""
    chart.heading("An empty place on the map")
    method = st.segmented_control(
        "Code of this place", INVERSES, default=INVERSES[0], required=True, key="latent-way",
        help="The mean weights the codes of the eight nearest points by 1 / distance\u00b2. The "
        "inverse of a PCA sets the components on the map and leaves the others at their mean; "
        "that of a UMAP searches for a code that projects to this place.",
    )  # fmt: skip
    code = view.map.code_at(at)
    if method == INVERSES[1]:
        code = _inverse(view, at, code)
    pictures.large_image(view.checkpoint.decode(code[None])[0], "decoded from that code", side=160)
    in_space = view.off_manifold(code)
    on_map = view.map.emptiness(at)
    st.progress(on_map / 100, f"On the map: sparser than around {on_map:.0f}% of the images")
    st.progress(
        np.nan_to_num(in_space) / 100, real_codes.sentence(view.checkpoint, view.chosen, code)
    )
    st.caption(
        "The first bar describes the place on the map, the second the code.", help=typicality.HELP
    )
    if on_map >= 99:
        st.caption(":material/warning: No images near this place on the map.")
    if in_space >= 95:
        st.caption(
            ":material/warning: Off-manifold: hardly any real code is this atypical, so expect a "
            "blurred or distorted image."
        )
    distances, rows = nearest(view, code)
    st.markdown("**Nearest real images** in code space, with their distances")
    listed(view, distances, rows, "latent-near")


def _inverse(view: View, at: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The code that the map itself draws at a place; another one where it has none, or not yet."""
    if view.settings.method == "PCA":
        return view.map.inverse(at)
    result = umap_queries.by_umap(view, "inverse_transform", at[None])
    if result is None:
        st.caption("Until then the mean of nearby codes is shown.")
    elif not np.isfinite(result).all():
        st.caption("UMAP has no inverse outside the outline of the map: the mean is shown.")
    else:
        return result[0]
    return otherwise


def csv_of(view: View, rows: np.ndarray) -> str:
    """A line for each image: its number, class and place on the map."""
    return to_csv(
        [
            {"image": int(row), "class": view.images.class_names[view.images.labels[row]]}
            | {
                axis: f"{value:.5g}"
                for axis, value in zip("xyz", view.map.points[row], strict=False)
            }
            for row in rows
        ]
    )


def walk(view: View, start: int | None, chosen: int) -> None:
    """The interpolation between the last two points, decoded."""
    st.header("Interpolation between two points", anchor=False)
    if start is None or start == chosen:
        st.caption("Click two points, one after the other, to decode the codes between them.")
        return
    codes = paths.lerp(view.codes[start], view.codes[chosen], STEPS)
    pictures.image_rows(
        {"interpolation": caches.Remembered(view.checkpoint).decode(codes)}, columns=STEPS
    )
    st.caption(
        f"From image {start} to image {chosen}, along a straight line in code space; the dotted "
        "line is its projection to the map."
    )
    if (frame.ROOT / "pages/interpolate.py").is_file():
        st.page_link(
            "pages/interpolate.py",
            label="Open in Interpolate",
            icon=":material/gradient:",
            query_params=address.address()
            | {"interpolate-frames": map_view.frames(view, [start, chosen])},
        )


def uploads(view: View) -> list[dict]:
    """Uploaded images, placed on the map; returns a ring for each."""
    warnings = st.container()  # a closed expander would hide them
    with st.expander("Place your own images on the map", icon=":material/add_photo_alternate:"):
        if not access.may_upload():
            access.explain_uploads()
            return []
        files = st.file_uploader(
            "Up to eight images; they stay in this session only",
            type=["png", "jpg", "jpeg", "webp", "bmp", "gif"],
            accept_multiple_files=True,
            key="latent-files",
        )
        if not files:
            return []
        named = [(file.name, file.getvalue()) for file in files[:8]]
        given, _, problems = image_uploads.decode_uploads(named)
        with warnings:
            show_problems(problems)
        if not len(given):
            return []
        codes = view.checkpoint.encode(given)
        both = np.concatenate([given, view.checkpoint.decode(codes)])
        sheet = pixels.contact_sheet(both, len(given), scale=1, gap=0)
        pictures.large_image(sheet, "your images, reconstructions below", side=64 * len(given))
        st.markdown("**Nearest to the first image** in code space, with their distances")
        distances, rows = nearest(view, codes[0])
        listed(view, distances, rows, "latent-near-upload")
        places = _places(view, codes)
        st.caption("A ring with a cross marks each image on the map.")
    return [{"at": at.tolist(), "kind": "spot"} for at in places]


def _places(view: View, codes: np.ndarray) -> np.ndarray:
    """The places of codes on the map, by the chosen method."""
    quick = view.map.place(codes)
    if view.settings.method == "PCA":
        return quick
    method = st.segmented_control(
        "Placed", PLACED, default=PLACED[0], required=True, key="latent-placed",
        help="Among its nearest codes: the weighted mean of their places. UMAP's transform starts "
        "there and optimizes the place; it gets the codes in a file that is then deleted.",
    )  # fmt: skip
    result = _by_umap(view, codes) if method == PLACED[1] else None
    return quick if result is None else result


def _by_umap(view: View, codes: np.ndarray) -> np.ndarray | None:
    """UMAP's places for codes of uploads: kept in the session, as the question and its answer are
    files in the shared cache."""
    asked = umap_service.question("transform", codes)
    name = "latent-placed-by-umap"
    if st.session_state.get(name, ("", "", None))[:2] != (view.key, asked):
        result = umap_queries.by_umap(view, "transform", codes)
        if result is None:
            return None
        umap_service.forget(view.key, asked)
        st.session_state[name] = view.key, asked, result
    return st.session_state[name][2]


def downloads(view: View) -> None:
    """Downloads: the chart as an HTML file and the points as CSV."""
    with st.container(horizontal=True):
        frame.download(
            "Chart (HTML)",
            lambda: chart.html_of(view),
            "latent-map.html",
            "text/html",
        )
        frame.download(
            "Points (CSV)", lambda: csv_of(view, view.shown), "latent-map.csv", "text/csv"
        )
    st.caption(
        "The camera button above the chart saves a PNG. The address of this page stores the view: "
        "model, images, map, colors, classes, chosen images, empty place, selection and isolation, "
        "but not zoom, camera angle or uploads."
    )
