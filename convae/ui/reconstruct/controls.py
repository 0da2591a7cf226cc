"""Settings of the Reconstruct page: part, bits, refinement steps, baselines, which images."""

import numpy as np
import streamlit as st

from convae import data
from convae.data import builtin
from convae.data import uploads as image_uploads
from convae.evaluation import compare, compressors
from convae.evaluation.compressors import FLOAT, GUESS
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, model_cards, uploads
from convae.ui.reconstruct.comparison import BASELINES, Contest, scores_of

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
