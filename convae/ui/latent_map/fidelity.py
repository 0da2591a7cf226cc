"""How faithful the map is to the code space, beside PCA, as a table."""

import numpy as np
import streamlit as st

from convae.projection import fidelity
from convae.projection import maps as projection_maps
from convae.projection.maps import Map, Settings
from convae.ui import glossary
from convae.ui.latent_map import view as map_view
from convae.ui.latent_map.view import View

MEASURES = ("Trustworthiness", "Neighborhood preservation", "15-NN accuracy")


@st.cache_resource(max_entries=16, show_spinner="Measuring how faithful the map is")
def _truth(key: str, _map: Map, _labels: np.ndarray) -> fidelity.Fidelity:
    return fidelity.measure(_map.codes, _map.points, _labels)


def _text(value: float, form: str = ".1%") -> str:
    return "-" if np.isnan(value) else format(value, form)


def table(view: View) -> None:
    """Trustworthiness, neighborhood preservation and 15-NN accuracy of the map and of PCA."""
    st.header("How faithful is this map?", anchor=False)
    flat = Settings(dimensions=view.settings.dimensions)
    key = projection_maps.key(view.checkpoint.sha256, view.images.fingerprint, flat)
    maps = {"PCA": (key, map_view.map_of(view.checkpoint, key, view.codes, flat))}
    if view.settings.method != "PCA":
        maps = {"This UMAP": (view.key, view.map)} | maps
    result = {name: _truth(*item, view.images.labels) for name, item in maps.items()}
    measured = result.values()
    codes = next(iter(measured)).accuracy_codes
    trusted = [_text(item.trustworthiness, ".3f") for item in measured]
    rows = {"Trustworthiness": [*trusted, "1.000"]}
    for k in fidelity.KS:
        shares = [_text(item.kept[k]) for item in measured]
        rows[f"Neighborhood preservation, k = {k}"] = [*shares, _text(1)]
    right = [_text(item.accuracy_map) for item in measured]
    rows["15-NN accuracy"] = [*right, _text(codes)]
    # a table of text: Streamlit's grid would cost a fresh browser 0.2 to 0.9 s
    lines = [["", *result, "The codes"], ["---", *["---:"] * (len(result) + 1)]]
    lines += [[f"**{measure}**", *cells] for measure, cells in rows.items()]
    st.markdown("\n".join(f"|{'|'.join(cells)}|" for cells in lines))
    st.caption(
        "".join(f"{term}: {glossary.TERMS[term]} " for term in MEASURES)
        + "Measured for up to 1,000 of the images, each compared with all images on the map."
    )
