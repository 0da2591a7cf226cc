"""Latent map: all codes on a 2-D or 3-D map, and decoded codes between them."""

import streamlit as st

from convae import ui
from convae.ui.latent_map import chart as map_chart
from convae.ui.latent_map import fidelity, neighbors, panels, selection
from convae.ui.latent_map import view as map_view

ui.page("Latent map")
st.markdown(
    "Each point is an image, placed by its code. **Hover** over a point to see its image, "
    "**click** it for its nearest neighbors."
)

checkpoint = ui.pick_checkpoint()
with ui.error_boundary():
    view = map_view.pick_view(checkpoint, ui.pick_set(checkpoint))
st.markdown(map_chart.GUIDE[view.settings.dimensions])

chart, beside = st.columns([3, 2], gap="medium")
with beside, st.container(horizontal=True, vertical_alignment="bottom", key="latent-points"):
    chosen, start = map_chart.pick_points(view)
    view = neighbors.pick(view)

event = map_chart.happened(view)
with chart:
    place, codes, marks = st.container(), st.container(), st.container()
    if map_chart.needs_codes(view):
        view.load(codes)
    with place:
        map_chart.show(view)
    view.load(codes)  # after a chart that does without them

if event["kind"] == "spot":
    lines, dots = panels.marks_of_spot(event["at"])
elif event["kind"] == "lasso":
    lines, dots = [], []
else:
    lines, dots = panels.marks_of_point(view, chosen)
    path, first = panels.marks_of_walk(view, start, chosen)
    lines, dots = lines + path, dots + first

with chart:
    guests = panels.uploads(view)
    with marks:
        map_chart.mark(view, lines, dots + guests)

with beside:
    if event["kind"] == "spot":
        panels.spot(view, event["at"])
    elif event["kind"] == "lasso":
        selection.group(view, event["ids"])
    else:
        panels.point(view, chosen)

panels.walk(view, start, chosen)
fidelity.table(view)
panels.downloads(view)
ui.end_of_page()
