"""The image views of the Reconstruct page: rows, one image, where squared error misleads."""

from collections.abc import Iterable

import numpy as np
import streamlit as st

from convae import data, plots
from convae import images as pixels
from convae.csv_export import to_csv
from convae.data import builtin
from convae.data import uploads as image_uploads
from convae.evaluation import compare, compressors, metrics
from convae.evaluation.compressors import FLOAT, GUESS
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, model_cards, pickers, pictures, uploads
from convae.ui.address import spec_name
from convae.ui.components.before_after import before_after
from convae.ui.escape import plain
from convae.ui.reconstruct.comparison import (
    BASELINES,
    Contest,
    each_image,
    label,
    rebuilt_by,
    scores_of,
)

KEPT = dict(bind="query-params", persist_state="session")
KINDS = {
    "Sample": "a random sample of the test images; class and seed are set in the sidebar",
    "Best": "the measured images with the highest PSNR",
    "Median": "the measured images around the median PSNR",
    "Worst": "the measured images with the lowest PSNR",
    "Out of distribution": "noise, patterns and shifts that no training set contains",
    "Camera": "a picture from your camera, resized to 32x32 pixels",
}


def pick_part(parts) -> str:
    return st.segmented_control(
        "Part",
        list(parts),
        default=next(iter(parts)),
        required=True,
        key="reconstruct-part",
        label_visibility="collapsed",
        **KEPT,
    )


def pick_many() -> int:
    """The number of images to measure on."""
    return st.segmented_control(
        "Measured on",
        [500, 2000],
        default=500,
        required=True,
        format_func=lambda count: f"{count:,} images",
        key="reconstruct-many",
        help="A fixed random sample of the test images. The command line measures on all of them.",
        **KEPT,
    )


def pick_bits() -> int:
    """Bits per latent value: 1 to 8, or FLOAT."""
    return st.select_slider(
        "Bits per latent value",
        compressors.BITS,
        FLOAT,
        format_func=lambda bits: "float16" if bits == FLOAT else str(bits),
        key="reconstruct-bits",
        help="A code of 128 values takes 256 bytes as float16 and 80 bytes at 5 bits per value. "
        "JPEG and WebP get the same number of bytes, PCA the same number of values and bits.",
        **KEPT,
    )


def pick_refinement_steps(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the chosen number of refinement steps; default: its own number."""
    own = checkpoint.config.refinement_steps
    steps = st.select_slider(
        "Refinement steps",
        range(9),
        own,
        key=f"reconstruct-refinement-steps-{own}",
        help="The encoder predicts the code in one forward pass. Each refinement step is a "
        "conjugate-gradient step on the code that lowers the squared reconstruction error; the "
        "weights do not change. Before quantization the error never increases; at few bits per "
        f"value it can. The default of this model is {own}.",
        **KEPT,
    )
    return caches.refined(checkpoint, steps)


def pick_beside(checkpoint) -> list[str]:
    """Names of the baselines and other models to compare with."""
    others = [name for name in model_cards.checkpoint_options() if name != checkpoint.name]
    encoder_only = [GUESS] if checkpoint.config.refinement_steps else []
    offered = [*encoder_only, *BASELINES, *others]
    kept = st.session_state.get("reconstruct-beside")
    if kept:  # a model may have been deleted, or be the chosen one now
        st.session_state["reconstruct-beside"] = [n for n in kept if n in offered]
    return st.multiselect(
        "Compare with",
        offered,
        key="reconstruct-beside",
        placeholder="PCA, JPEG, WebP or another model",
        max_selections=6,
        help="Baselines get as many bytes as the code of this model; other models use their own.",
        **KEPT,
    )


def pick_shown(sample: data.ImageSet, held: Contest) -> tuple[data.ImageSet, list[str] | None]:
    """The images to show, and their names if they have any."""
    kind = st.segmented_control(
        "Which images",
        list(KINDS),
        default="Sample",
        required=True,
        key="reconstruct-which",
        help="\n".join(f"* {name}: {text}" for name, text in KINDS.items()),
        **KEPT,
    )
    if kind == "Out of distribution":
        patterns = builtin.outside(sample.images[0])
        return uploads.as_set(np.stack(list(patterns.values()))), list(patterns)
    if kind == "Camera":
        return _camera(), None
    if kind == "Sample":
        return sample, None
    scores = scores_of(held.model, held.measured)["PSNR"]
    return held.measured.take(compare.ranked(scores, kind.lower(), len(sample))), None


def _camera() -> data.ImageSet:
    picture = st.camera_input(
        "Take a picture", key="reconstruct-camera", help="It is deleted when this session ends."
    )
    if picture is None:
        st.caption("The picture is cropped to a square and resized to 32x32 pixels.")
        st.stop()
    with frame.error_boundary():
        return uploads.as_set(image_uploads.decode_upload(picture.getvalue())[None])


def show_rows(held: Contest, shown: data.ImageSet, beside, names=None) -> None:
    """Rows of originals, reconstructions and errors by each method; downloads."""
    chosen = held.chosen(beside)
    rows, captions = {"original": shown.images}, [[] for _ in range(len(shown))]
    for name, method in chosen.items():
        rebuilt = rebuilt_by(method, shown)
        rows[label(held, name)] = rebuilt
        error = "error" if len(chosen) == 1 else f"error, {label(held, name)}"
        rows[error] = pictures.error_picture(shown.images, rebuilt)
        for words, value in zip(captions, scores_of(method, shown)["PSNR"], strict=True):
            number = "exact" if np.isinf(value) else f"{value:.1f} dB"
            words.append(number if len(chosen) == 1 else f"{label(held, name)[:9]} {number}")
    for words, name in zip(captions, names or [], strict=False):
        words.insert(0, name)
    pictures.image_rows(rows, ["\n".join(words) for words in captions])
    st.caption(
        "Captions: the PSNR of each image, higher is better. All error maps share one scale: dark "
        "is no error, white a mean color difference of half the range."
        + baselines_note(held, chosen)
    )
    with st.container(horizontal=True):
        frame.download(
            "Images (PNG)",
            lambda: pictures.sheet_png(list(rows.values())),
            "reconstruct.png",
            "image/png",
        )
        frame.download(
            "Numbers (CSV)",
            lambda: to_csv(each_image(shown, chosen)),
            "reconstruct.csv",
            "text/csv",
        )


def baselines_note(held: Contest, names: Iterable[str]) -> str:
    """How the baselines among these methods were made: training images of PCA, quality of codecs;
    "" without any baseline."""
    parts = []
    if "PCA" in names:
        parts.append(f"PCA is fitted on {plain(held.method('PCA').told, 300)}.")
    codecs = [name for name in BASELINES[1:] if name in names]
    if codecs:
        qualities = ", ".join(f"{name} has {held.method(name).told}" for name in codecs)
        measured = f"{len(held.measured):,} images of {spec_name(held.measured.name)}"
        parts.append(
            f"{qualities}: chosen so that {measured} together take as many bytes as their codes. A "
            "single image can take more or fewer."
        )
    return " ".join(["", *parts])


def show_one(held: Contest, shown: data.ImageSet) -> None:
    """One image, enlarged: a before/after slider, its scores, its code, its feature maps."""
    shown = shown.take(np.arange(min(len(shown), 24)))
    place = pickers.pick_one(shown, "reconstruct-one")
    image = shown.images[place]
    left, right = st.columns([2, 3], gap="large")
    with right:
        name = st.pills(  # a segmented control does not wrap in a narrow column
            "Reconstructed by",
            held.names,
            default=held.checkpoint.name,
            required=True,
            format_func=plain,
            key="reconstruct-by",
        )
        method = held.method(name)
        rebuilt = rebuilt_by(method, shown)[place]
        scores = scores_of(method, shown)
        frame.figures(
            {
                "PSNR": f"{scores['PSNR'][place]:.2f} dB",
                "SSIM": f"{scores['SSIM'][place]:.3f}",
                "Bytes": f"{method.bytes_per_image:,.0f} of {image.size:,}",
            },
            {"Bytes": "JPEG and WebP: the mean over the measured images, packed into one file."},
        )
        code = held.checkpoint.encode(image[None])[0]
        st.markdown(f"**Code**: {len(code):,} values, the only input of the decoder.")
        st.plotly_chart(plots.code_bars(code), key="reconstruct-code")
    with left:
        before_after(image, rebuilt, ("original", label(held, name)), key="reconstruct-slider")
        st.caption(f"Drag across the image, or use the arrow keys.{baselines_note(held, [name])}")
    st.subheader("Feature maps of each layer", anchor=False)
    half = st.segmented_control(
        "Half",
        ["encoder", "decoder"],
        default="encoder",
        required=True,
        key="reconstruct-half",
        label_visibility="collapsed",
        **KEPT,
    )
    _layers(held.checkpoint, image, half)


def _layers(checkpoint, image: np.ndarray, half: str) -> None:
    layers = [layer for layer in checkpoint.model.layers(image) if layer[0] == half]
    layers = [(kind, out) for _, kind, out, _ in layers if out.ndim == 3]
    rows = {}
    for number, (kind, out) in enumerate(layers, 1):
        # the layers between only rearrange these maps or cut them off at zero
        if kind.startswith(("Conv", "Unflatten")) or number == len(layers):
            rows[f"{number}: {'x'.join(map(str, out.shape))}"] = pixels.map_pictures(out, 8)
    pictures.image_rows(rows, columns=8, scale=2)
    st.caption(
        "The eight feature maps of each convolution that vary most, first layer at the top. Each "
        "map is scaled from its own minimum to its own maximum; black if a layer has fewer maps. "
        "Row labels: layer number and output shape, channels x height x width."
    )


def show_misleading(held: Contest, shown: data.ImageSet) -> None:
    """One image with changes that squared error and human viewers rank differently."""
    shown = shown.take(np.arange(min(len(shown), 12)))
    place = pickers.pick_one(shown, "reconstruct-mislead")
    image = shown.images[place]
    changed = compare.misleading(image, rebuilt_by(held.model, shown)[place])
    pair = np.repeat(image[None], len(changed) + 1, axis=0), np.stack([image, *changed.values()])
    mse, ssim = metrics.mse(*pair), metrics.ssim(*pair)
    words = [
        f"{name}\nMSE {error:.4f}\nSSIM {likeness:.2f}"
        for name, error, likeness in zip(["original", *changed], mse, ssim, strict=True)
    ]
    pictures.image_rows({"": pair[1]}, words, columns=6, scale=4)
    errors, likenesses = (dict(zip(changed, row[1:], strict=True)) for row in (mse, ssim))
    st.markdown(compare.misleading_text(errors, likenesses))
