"""Quality over code length: PSNR of the first K latent dimensions, of a model and of PCA."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from convae.plots import style
from convae.plots.style import Series


def psnr_over_length(
    lengths: Sequence[int],
    psnr: Mapping[str, Sequence[float]],
    bits: int,
    faint: Mapping[str, Sequence[float]] | None = None,
    faint_label: str = "this image",
) -> go.Figure:
    """PSNR (dB) over the number of values that are kept, on a logarithmic axis.

    lengths: K of each point. psnr: name -> PSNR (dB) at each K, drawn as solid lines. bits: of one
    value, so that hovering names K x bits in bytes. faint: the same names -> further PSNR, drawn
    dotted in the same color, named with faint_label behind the name. Values that are not finite
    leave no point.
    """
    figure = style.figure("Code length (values kept)", "PSNR (dB)", hovermode="x unified")
    ticks = _ticks(lengths)
    figure.update_xaxes(
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:,}" for tick in ticks],
        unifiedhovertitle_text="%{x:,d} values",
    )
    if not lengths:
        figure.update_xaxes(range=[0, math.log10(256)])
    colors = style.colors(psnr)
    solid = dict(mode="lines+markers", marker_size=5)
    dotted = dict(mode="lines", line=dict(dash="dot", width=1.5))
    for curves, options, suffix in (
        (psnr, solid, ""),
        (faint or {}, dotted, f", {faint_label}"),
    ):
        for name, values in curves.items():
            points = [
                (int(length), float(value), -(-int(length) * bits // 8))
                for length, value in zip(lengths, values, strict=True)
                if math.isfinite(value)
            ]
            series = Series(name + suffix, [x for x, _, _ in points], [y for _, y, _ in points])
            line = style.line(series, colors[name], **options)
            figure.add_trace(
                line.update(
                    customdata=[size for _, _, size in points],
                    hovertemplate="%{y:.2f} dB, %{customdata:,d} bytes",
                )
            )
    return figure


def _ticks(lengths: Sequence[int]) -> list[int]:
    """Powers of two below the longest code, and its length."""
    if not lengths:
        return [1, 4, 16, 64, 256]
    longest = int(max(lengths))
    powers = [2**n for n in range(longest.bit_length()) if 1.5 * 2**n <= longest]
    return [*powers, longest]
