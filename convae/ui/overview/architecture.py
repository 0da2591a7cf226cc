"""The architecture of the chosen model as a picture: a block for each resolution; its layers."""

import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.models.checkpoints import Checkpoint
from convae.ui.components.inline_svg import inline_svg
from convae.wording import counted

Layer = tuple[str, str, np.ndarray, int]  # of `ConvAutoencoder.layers`
HEIGHTS = {32: 150, 16: 112, 8: 78, 4: 50}  # of a block with so many rows, in units of the drawing
WIDE, GAP, MIDDLE, TALL = 54, 14, 105, 252
RESIDUAL = (
    "The **residual** model is a linear projection that starts as PCA, between two small networks: "
    "one prepares the image before the projection, the other repairs the image after it. "
    "**Refinement** improves the code of each image by a few optimization steps, which lower the "
    "error of its reconstruction."
)


class Block(NamedTuple):
    """Consecutive layers of one half whose outputs have the same resolution.

    shape: of the last output, (channels, rows, columns) or (values,). layers: their kinds.
    """

    half: str
    shape: tuple[int, ...]
    layers: list[str]
    parameters: int


def blocks_of(layers: Sequence[Layer]) -> list[Block]:
    """The layers in the order of execution, grouped by resolution; vectors are one group each."""
    blocks: list[Block] = []
    for half, kind, output, parameters in layers:
        shape = tuple(output.shape)
        last = blocks[-1] if blocks else None
        if last and last.half == half and last.shape[1:] == shape[1:]:
            blocks[-1] = Block(half, shape, [*last.layers, kind], last.parameters + parameters)
        else:
            blocks.append(Block(half, shape, [kind], parameters))
    return blocks


def drawing(blocks: Sequence[Block], latent_dim: int) -> str:
    """An SVG of the input, the blocks with their parameters, and the code between the halves.

    It takes the color of the text around it; hovering a block names its layers.
    """
    half = "encoder"
    shown = [_box(0, "input", (3, 32, 32), "the image", "")]
    for block in blocks:
        if block.half != half:
            half = block.half
            shown.append(_code(len(shown), latent_dim))
        shown.append(
            _box(len(shown), half, block.shape, ", ".join(block.layers), _short(block.parameters))
        )
    wide = len(shown) * (WIDE + GAP) + GAP
    return (
        f'<svg viewBox="0 0 {wide} {TALL}" role="img" '
        f'aria-label="Architecture: {len(blocks)} blocks around a code of {latent_dim} values" '
        f'style="display:block;width:100%;min-width:{0.75 * wide:.0f}px;max-height:22rem;'
        f'color:inherit;font-family:inherit">{"".join(shown)}</svg>'
    )


def _short(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.0f} k" if count >= 10_000 else f"{count:,}"


def _text(x: float, y: float, words: str, strong: bool = False) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="currentColor" font-size="12" '
        f'font-weight="{600 if strong else 400}">{html.escape(words)}</text>'
    )


def _box(place: int, half: str, shape: tuple[int, ...], layers: str, parameters: str) -> str:
    x = GAP + place * (WIDE + GAP)
    if len(shape) == 3:
        high, size = HEIGHTS.get(shape[1], 50), f"{shape[1]}x{shape[2]}"
        inside = f"{shape[0]} ch."
    else:
        high, size, inside = 30, "vector", f"{shape[0]:,}"
    name = f"{half}: {' x '.join(map(str, shape))}; {layers}" + f"; {parameters} parameters" * bool(
        parameters
    )
    color = {"input": "currentColor", "encoder": "#2b7bba", "decoder": "#c05621"}[half]
    middle = x + WIDE / 2
    return (
        f"<g><title>{html.escape(name)}</title>"
        f'<rect x="{x}" y="{MIDDLE - high / 2}" width="{WIDE}" height="{high}" rx="5" '
        f'fill="{color}" fill-opacity="0.22" stroke="{color}" stroke-width="1.5"/>'
        + _text(middle, MIDDLE + 4, inside, strong=True)
        + _text(middle, MIDDLE + 96, size)
        + (_text(middle, MIDDLE + 114, parameters) if parameters else "")
        + "</g>"
    )


def _code(place: int, latent_dim: int) -> str:
    middle = GAP + place * (WIDE + GAP) + WIDE / 2
    return (
        f"<g><title>the code: {latent_dim} values</title>"
        f'<rect x="{middle - 22}" y="{MIDDLE - 15}" width="44" height="30" rx="15" '
        'fill="currentColor" fill-opacity="0.15" stroke="currentColor" stroke-width="2.5"/>'
        + _text(middle, MIDDLE + 4, f"{latent_dim:,}", strong=True)
        + _text(middle, MIDDLE + 96, "code h")
        + "</g>"
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _known(sha256: str, _checkpoint: Checkpoint) -> tuple[str, list[dict]]:
    """The drawing and the rows of the table of layers."""
    layers = _checkpoint.model.layers(np.zeros((32, 32, 3), np.uint8))
    rows = [
        {"Half": half, "Layer": kind, "Output": " x ".join(map(str, out.shape)), "Parameters": n}
        for half, kind, out, n in layers
    ]
    return drawing(blocks_of(layers), _checkpoint.config.latent_dim), rows


def show(checkpoint: Checkpoint, error: float, psnr: float) -> None:
    """The drawing, what its parts are, and the table of all layers below a fold.

    error, psnr: mean squared error and PSNR (dB) of the chosen image.
    """
    config = checkpoint.config
    svg, rows = _known(checkpoint.sha256, checkpoint)
    counts = {half: sum(r["Parameters"] for r in rows if r["Half"] == half)
              for half in ("encoder", "decoder")}  # fmt: skip
    inline_svg(svg, key="overview-architecture")
    st.caption(
        "Blocks by resolution, with channels and parameters, from the image to the code and back. "
        "All layers are listed below."
    )
    steps = config.refinement_steps
    taken = counted(steps, "optimization step")
    refined = f", then refined by {taken} through the decoder" * bool(steps)
    st.markdown(
        f"""
* **Encoder** $f$: {counts["encoder"]:,} parameters, from 3,072 pixel values to the code{refined}.
* **Latent space**: the space of all codes $h$, {config.latent_dim:,} dimensions. This is the
  bottleneck: what the code cannot hold is lost, so the model has to learn what matters.
* **Decoder** $g$: {counts["decoder"]:,} parameters, from the code back to 32x32 pixels.
* **Reconstruction loss** $L$: {error:.4f} for this image (mean squared error), or {psnr:.1f} dB.
"""
    )
    if config.architecture == "residual":
        st.markdown(RESIDUAL)
    with st.expander(f"All {len(rows)} layers"):
        st.dataframe(
            rows,
            hide_index=True,
            column_config={"Parameters": st.column_config.NumberColumn(format="localized")},
        )
