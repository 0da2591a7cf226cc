"""The Reconstruct page, its choices and its images: rows, one image, what misleads. Its numbers are
in scoreboard.
"""

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
    STRAW,
    Contest,
    each_image,
    label,
    rebuilt_by,
    scores_of,
)

KEPT = dict(bind="query-params", persist_state="session")
KINDS = {
    "Sample": "drawn from the test images; the sidebar has other samples and single classes",
    "Best": "rebuilt best of all measured",
    "Median": "rebuilt as well as most",
    "Worst": "rebuilt worst of all measured",
    "Outside": "images unlike any the model has learned from",
    "Camera": "yourself, 32 pixels wide",
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
    """How many images to measure on."""
    return st.segmented_control(
        "Measured on",
        [500, 2000],
        default=500,
        required=True,
        format_func=lambda count: f"{count:,} images",
        key="reconstruct-many",
        help="Test images at most, drawn once and for all. The command line measures on all.",
        **KEPT,
    )


def pick_bits() -> int:
    """Bits for each value of the code: 1 to 8, or FLOAT."""
    return st.select_slider(
        "Bits for each value of the code",
        compressors.BITS,
        FLOAT,
        format_func=lambda bits: "float16" if bits == FLOAT else str(bits),
        key="reconstruct-bits",
        help="A code of 128 values takes 256 bytes as float16 and 80 bytes at 5 bits a value. JPEG "
        "and WebP get as many bytes as the code has, PCA as many values and bits.",
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
    """Names of straw men and of other models to show beside this one."""
    others = [name for name in model_cards.checkpoint_options() if name != checkpoint.name]
    guess = [GUESS] if checkpoint.config.refinement_steps else []
    offered = [*guess, *STRAW, *others]
    kept = st.session_state.get("reconstruct-beside")
    if kept:  # a model may have been deleted, or be the chosen one now
        st.session_state["reconstruct-beside"] = [n for n in kept if n in offered]
    return st.multiselect(
        "Beside it",
        offered,
        key="reconstruct-beside",
        placeholder="PCA, JPEG, WebP or another model",
        max_selections=6,
        help="The straw men get as many bytes as the code; another model has a code of its own.",
        **KEPT,
    )


def pick_shown(sample: data.ImageSet, held: Contest) -> tuple[data.ImageSet, list[str] | None]:
    """The images to show, and their names where they have any."""
    kind = st.segmented_control(
        "Which images",
        list(KINDS),
        default="Sample",
        required=True,
        key="reconstruct-which",
        help="\n".join(f"* {name}: {told}" for name, told in KINDS.items()),
        **KEPT,
    )
    if kind == "Outside":
        found = builtin.outside(sample.images[0])
        return uploads.as_set(np.stack(list(found.values()))), list(found)
    if kind == "Camera":
        return _camera(), None
    if kind == "Sample":
        return sample, None
    scores = scores_of(held.model, held.measured)["PSNR"]
    return held.measured.take(compare.ranked(scores, kind.lower(), len(sample))), None


def _camera() -> data.ImageSet:
    taken = st.camera_input(
        "Take a picture", key="reconstruct-camera", help="It stays in this session."
    )
    if taken is None:
        st.caption("The picture is cropped to a square and made 32 pixels wide.")
        st.stop()
    with frame.error_boundary():
        return uploads.as_set(image_uploads.decode_upload(taken.getvalue())[None])


def show_rows(held: Contest, shown: data.ImageSet, beside, names=None) -> None:
    """Rows: the originals, what each method makes of them and where it is wrong; and downloads."""
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
        "Below: the PSNR of each image, higher is better. Errors are on one scale for all: dark "
        "where nothing is lost, white where colors are off by half of their range."
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
    """Which images the baselines among these methods were fitted on, or their quality chosen on; ""
    without any."""
    parts = []
    if "PCA" in names:
        parts.append(f"PCA is fitted on {plain(held.method('PCA').told, 300)}.")
    codecs = [name for name in STRAW[1:] if name in names]
    if codecs:
        chosen = ", ".join(f"{name} has {held.method(name).told}" for name in codecs)
        measured = f"{len(held.measured):,} images of {spec_name(held.measured.name)}"
        parts.append(
            f"{chosen}: chosen so that {measured} together take as many bytes as their codes. A "
            "single image can take more or fewer."
        )
    return " ".join(["", *parts])


def show_one(held: Contest, shown: data.ImageSet) -> None:
    """One image large: before and after, its figures, its code, and what each layer sees."""
    shown = shown.take(np.arange(min(len(shown), 24)))
    place = pickers.pick_one(shown, "reconstruct-one")
    image = shown.images[place]
    left, right = st.columns([2, 3], gap="large")
    with right:
        name = st.segmented_control(
            "Rebuilt by",
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
            {"Bytes": "Of a codec the mean over the images measured, packed into one file."},
        )
        code = held.checkpoint.encode(image[None])[0]
        st.markdown(f"**Its code**: {len(code):,} values, all that the decoder gets to see.")
        st.plotly_chart(plots.code_bars(code), key="reconstruct-code")
    with left:
        before_after(image, rebuilt, ("original", label(held, name)), key="reconstruct-slider")
        st.caption(f"Drag across the image, or use the arrow keys.{baselines_note(held, [name])}")
    st.subheader("What each layer sees", anchor=False)
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
    layers = [each for each in checkpoint.model.layers(image) if each[0] == half]
    layers = [(kind, out) for _, kind, out, _ in layers if out.ndim == 3]
    rows = {}
    for number, (kind, out) in enumerate(layers, 1):
        # what lies between is these again, rearranged or cut off at zero
        if kind.startswith(("Conv", "Unflatten")) or number == len(layers):
            rows[f"{number}: {'x'.join(map(str, out.shape))}"] = pixels.map_pictures(out, 8)
    pictures.image_rows(rows, columns=8, scale=2)
    st.caption(
        "Of each convolution the eight feature maps that vary most, from the first layer down, "
        "each from its own darkest to its own brightest value; black where there are fewer. At the "
        "left the layer's number and size: maps x height x width."
    )


def show_misleading(held: Contest, shown: data.ImageSet) -> None:
    """One image changed in ways that squared error and people judge differently."""
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
    errors, likenesses = (dict(zip(changed, each[1:], strict=True)) for each in (mse, ssim))
    st.markdown(compare.misleading_text(errors, likenesses))
