"""Settings of the Reconstruct page: part, bits, refinement steps, baselines, which images."""

from dataclasses import replace

import numpy as np
import streamlit as st

from convae import data
from convae.data import builtin
from convae.data import uploads as image_uploads
from convae.evaluation import compare, compressors
from convae.evaluation.compressors import ENCODER_ONLY, FLOAT
from convae.models.checkpoints import Checkpoint
from convae.ui import access, caches, frame, glossary, model_cards, pickers, uploads
from convae.ui.address import BOUND, Setting
from convae.ui.reconstruct.comparison import BASELINES, Contest, scores_of

PART = Setting(
    "reconstruct-part",
    ("Images", "One image", "The whole set", "Code length", "Bits", "What is lost"),
)
MANY = Setting("reconstruct-many", (500, 2000), text=lambda count: f"{count:,} images")
BITS = Setting(
    "reconstruct-bits",
    compressors.BITS,
    FLOAT,
    text=lambda bits: "float16" if bits == FLOAT else str(bits),
)
KINDS = {
    "Sample": "a random sample of the test images; class and seed are set in the sidebar",
    "Best": "the measured images with the highest PSNR",
    "Median": "the measured images around the median PSNR",
    "Worst": "the measured images with the lowest PSNR",
    "Out of distribution": "noise, patterns and shifts that no training set contains",
    "Camera": "a picture from your camera, resized to 32x32 pixels",
}
WHICH = Setting("reconstruct-which", tuple(KINDS))


def pick_part() -> str:
    return st.segmented_control(
        "Part",
        PART.options,
        default=PART.default,
        required=True,
        label_visibility="collapsed",
        **PART.bound,
    )


def pick_many() -> int:
    """The number of images to measure on."""
    return st.segmented_control(
        "Measured on",
        MANY.options,
        default=MANY.default,
        required=True,
        help="A fixed random sample of the test images. The command line measures on all of them.",
        **MANY.bound,
    )


def pick_bits() -> int:
    """Bits per latent value: 1 to 8, or FLOAT."""
    return st.select_slider(
        "Bits per latent value",
        BITS.options,
        BITS.default,
        help="A code of 128 values takes 256 bytes as float16 and 80 bytes at 5 bits per value. "
        "JPEG and WebP take at most as many bytes, unless even their lowest quality needs more; "
        "PCA gets the same number of values and bits.",
        **BITS.bound,
    )


def pick_refinement_steps(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the chosen number of refinement steps; default: its own number."""
    own = checkpoint.config.refinement_steps
    steps = st.select_slider(
        "Refinement steps",
        range(9),
        own,
        key=f"reconstruct-refinement-steps-{own}",
        help=f"{glossary.TERMS['Refinement steps']} Before quantization the error never increases; "
        f"at few bits per value it can. The default of this model is {own}.",
        **BOUND,
    )
    return caches.refined(checkpoint, steps)


def pick_beside(checkpoint: Checkpoint) -> list[str]:
    """Names of the baselines and other models to compare with."""
    others = [name for name in model_cards.checkpoint_options() if name != checkpoint.name]
    encoder_only = [ENCODER_ONLY] if checkpoint.config.refinement_steps else []
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
        help="JPEG and WebP take at most as many bytes as a code of this model, unless even their "
        "lowest quality needs more. PCA gets as many values, if it has that many components. Other "
        "models use codes of their own length.",
        **BOUND,
    )


def kinds_for(measured: int, shown: int) -> list[str]:
    """The choices of images: the best, median and worst only of at least twice as many as are
    shown, as they would be nearly the same images otherwise."""
    ranked = {"Best", "Median", "Worst"} if measured < 2 * shown else set()
    return [kind for kind in WHICH.options if kind not in ranked]


def pick_shown(
    sample: data.ImageSet, rows: np.ndarray, held: Contest
) -> tuple[data.ImageSet, np.ndarray, list[str] | None]:
    """The images to show, their rows in the set (from 1 where they are of none), and their names
    if they have any. rows: those of the sample."""
    options = kinds_for(len(held.measured), len(sample))
    if st.session_state.get(WHICH.key, WHICH.default) not in options:
        st.session_state[WHICH.key] = WHICH.default
    kind = st.segmented_control(
        "Which images",
        options,
        default=WHICH.default,
        required=True,
        help="\n".join(f"* {name}: {KINDS[name]}" for name in options),
        **WHICH.bound,
    )
    if kind == "Out of distribution":
        patterns = builtin.outside(sample.images[0])
        drawn = replace(uploads.as_set(np.stack(list(patterns.values()))), name=model_cards.OUTSIDE)
        return drawn, np.arange(1, len(drawn) + 1), list(patterns)
    if kind == "Camera":
        return _camera(), np.ones(1, int), None
    if kind == "Sample":
        return sample, rows, None
    scores = scores_of(held.model, held.measured)["PSNR"]
    best = compare.ranked(scores, kind.lower(), len(sample))
    return held.measured.take(best), pickers.many_rows(held.measured)[best], None


def _camera() -> data.ImageSet:
    if not access.may_upload():
        access.explain_uploads()
        st.stop()
    picture = st.camera_input(
        "Take a picture", key="reconstruct-camera", help="It is deleted when this session ends."
    )
    if picture is None:
        st.caption("The picture is cropped to a square and resized to 32x32 pixels.")
        st.stop()
    with frame.error_boundary():
        return uploads.as_set(image_uploads.decode_upload(picture.getvalue())[None])
