"""How true is the map? What it keeps of the code space, beside PCA, as a table."""

import numpy as np
import streamlit as st

from convae.projection import fidelity
from convae.projection import maps as projection_maps
from convae.projection.maps import Map, Settings
from convae.ui.latent_map import view as map_view
from convae.ui.latent_map.view import View


@st.cache_resource(max_entries=16, show_spinner="Measuring the map")
def _truth(key: str, _map: Map, _labels: np.ndarray) -> fidelity.Truth:
    return fidelity.measure(_map.codes, _map.points, _labels)


def _said(value: float, form: str = ".1%") -> str:
    return "-" if np.isnan(value) else format(value, form)


def how_true(view: View) -> None:
    """What the map keeps of the code space, beside PCA."""
    st.header("How true is this map?", anchor=False)
    flat = Settings(dimensions=view.settings.dimensions)
    key = projection_maps.key(view.checkpoint.sha256, view.images.fingerprint, flat)
    maps = {"PCA": (key, map_view.map_of(view.checkpoint, key, view.codes, flat))}
    if view.settings.method != "PCA":
        maps = {"This UMAP": (view.key, view.map)} | maps
    found = {name: _truth(*each, view.images.labels) for name, each in maps.items()}
    measured = found.values()
    codes = next(iter(measured)).accuracy_codes
    trusted = [_said(each.trustworthiness, ".3f") for each in measured]
    rows = {"Trustworthiness": [*trusted, "1.000"]}
    for k in fidelity.KS:
        shares = [_said(each.kept[k]) for each in measured]
        rows[f"Neighbors kept, k = {k}"] = [*shares, _said(1)]
    right = [_said(each.accuracy_map) for each in measured]
    rows["Right class by 15 neighbors"] = [*right, _said(codes)]
    # a table of text: Streamlit's grid would cost a fresh browser 0.2 to 0.9 s
    lines = [["", *found, "The codes"], ["---", *["---:"] * (len(found) + 1)]]
    lines += [[f"**{measure}**", *cells] for measure, cells in rows.items()]
    st.markdown("\n".join(f"|{'|'.join(cells)}|" for cells in lines))
    st.caption(
        "Trustworthiness is 1 where all neighbors on the map are neighbors in fact. Kept: of "
        "the k nearest codes, the share that is still among the k nearest on the map. Measured on "
        "up to 1,000 images against all."
    )
