"""Quality over latent dimension: one trained model per point, and PCA beside it."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from convae.plots import style
from convae.plots.style import Series


def psnr_over_dimension(
    dimensions: Sequence[int],
    psnr: Mapping[str, Sequence[float | None]],
    title: str = "PSNR",
) -> go.Figure:
    """PSNR (dB) over the latent dimension, on a logarithmic axis with a tick at each dimension.

    psnr: name -> PSNR (dB) at each dimension; None leaves no point. title: of the vertical axis.
    """
    figure = style.figure("Latent dimension", f"{title} (dB)", hovermode="x unified")
    figure.update_xaxes(
        type="log",
        tickvals=list(dimensions),
        ticktext=[f"{dimension:,}" for dimension in dimensions],
        unifiedhovertitle_text="latent dimension %{x:,d}",
    )
    colors = style.colors(psnr)
    for name, values in psnr.items():
        points = [(d, v) for d, v in zip(dimensions, values, strict=True) if v is not None]
        series = Series(name, [d for d, _ in points], [v for _, v in points])
        line = style.line(series, colors[name], mode="lines+markers", marker_size=7)
        figure.add_trace(line.update(hovertemplate="%{y:.2f} dB"))
    return figure
