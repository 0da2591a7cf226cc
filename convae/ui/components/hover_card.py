"""An exported map: one HTML file with the figure and the card that shows the hovered image."""

import base64

import numpy as np
import plotly.graph_objects as go

from convae.ui.components import map_overlay, script


def html_of(figure: go.Figure, sheet: bytes, ids: np.ndarray) -> str:
    """A self-contained page with the figure of `plots.latent_scatter`, plotly, and the sheet of
    thumbnails (WebP, from `map_overlay.thumbnails`) of the images with these ids, in this order."""
    figure.update_traces(hoverinfo="none", hovertemplate=None)
    constants = map_overlay.SHEET | {
        "SHEET": base64.b64encode(sheet).decode(),
        "IDS": np.asarray(ids).tolist(),
    }
    code = script("hover_card", "hover_export", constants=constants)
    return figure.to_html(include_plotlyjs=True, post_script=code)
