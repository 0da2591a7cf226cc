"""The code of one image, edited value by value, and what the decoder makes of it.

The edits, {cell: value in standard deviations from the mean}, are kept in the session, and in the
address while they are few: `<image number>~<cell>_<value>~...`.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.evaluation import metrics
from convae.models.checkpoints import Checkpoint
from convae.models.ordered_codes import lengths_of
from convae.process_state import one_thread
from convae.ui import address, caches, tour
from convae.ui.address import UPLOADS
from convae.ui.components import code_editor
from convae.ui.components.code_editor import REACH, STEP, Frames, Prefixes

KEY, ADDRESS, KEPT = "overview-editor", "overview-edits", "overview-edited"
SENT = "overview-sent"  # the edits that the browser has sent last
SAMPLE = 100  # images whose codes give mean and standard deviation of each value
FEWEST = 10  # with fewer images a standard deviation says little
MOST_IN_ADDRESS = 12  # edits
VALUES = np.arange(-REACH, REACH + STEP / 2, STEP).tolist()


class Edited(NamedTuple):
    """The edits of one code. token: of the model and the image; place: the number of the image."""

    token: str
    place: int
    edits: dict[int, float]


class Spread(NamedTuple):
    """Mean and standard deviation of each value of the codes, float32 (latent_dim,) each."""

    mean: np.ndarray
    std: np.ndarray

    def standardized(self, code: np.ndarray) -> np.ndarray:
        return (code - self.mean) / self.std

    def edited(self, code: np.ndarray, edits: Mapping[int, float]) -> np.ndarray:
        """The code float32 (latent_dim,) with these standardized values in place of its own."""
        changed = code.copy()
        for cell, value in edits.items():
            changed[cell] = self.mean[cell] + value * self.std[cell]
        return changed


def spread_of(codes: np.ndarray) -> Spread:
    """Of codes float32 (N, latent_dim). A value that hardly varies gets 5 % of the RMS deviation:
    the unused ReLU values of `classic` would be divided by zero."""
    std = codes.std(axis=0)
    least = 0.05 * float(np.sqrt(np.mean(np.square(std)))) or 1.0
    return Spread(codes.mean(axis=0), np.maximum(std, least))


@st.cache_resource(max_entries=16, show_spinner="Measuring the codes")
def _spread(sha256: str, fingerprint: str, _checkpoint: Checkpoint, _images: ImageSet) -> Spread:
    return spread_of(_checkpoint.encode(_images.images))  # the encoder only: 10 times faster


def reference_spread(checkpoint: Checkpoint, images: ImageSet) -> Spread:
    """The spread of the codes of the whole set of `images`; of `photos` if that is small."""
    whole = images
    if images.name != UPLOADS:
        whole = caches.image_set(images.name)
    if len(whole) < FEWEST:
        whole = caches.image_set("photos")
    some = caches.sample(whole, SAMPLE)
    plain = caches.refined(checkpoint, 0)
    return _spread(plain.sha256, some.fingerprint, plain, some)


def frames_along(
    checkpoint: Checkpoint, spread: Spread, image: np.ndarray, code: np.ndarray,
    edits: Mapping[int, float], cell: int,
) -> Frames:  # fmt: skip
    """The reconstructions with VALUES in this cell, and with its own value; edits: of the others.

    On one thread: beside other work two threads mostly wait for each other.
    """
    base = spread.edited(code, edits)
    codes = np.repeat(base[None], len(VALUES) + 1, axis=0)
    codes[:-1, cell] = spread.mean[cell] + np.float32(VALUES) * spread.std[cell]
    with one_thread():
        rebuilt = checkpoint.decode(codes)
    psnr = [_psnr(image, item) for item in rebuilt]
    return Frames(cell, dict(edits), VALUES, rebuilt, psnr)


def slider_lengths(checkpoint: Checkpoint) -> list[int]:
    """The lengths of the slider; none for a model whose mean code is not known."""
    known = checkpoint.model.code_mean is not None
    return lengths_of(checkpoint.config.latent_dim) if known else []


def prefixes_of(
    checkpoint: Checkpoint, spread: Spread, image: np.ndarray, code: np.ndarray,
    edits: Mapping[int, float],
) -> Prefixes:  # fmt: skip
    """The reconstructions from the first values of the edited code, the others at their mean."""
    edited = spread.edited(code, edits)[None]
    with one_thread():
        rebuilt = np.concatenate(
            [checkpoint.decode(edited, length) for length in slider_lengths(checkpoint)]
        )
    return Prefixes(dict(edits), rebuilt, [_psnr(image, item) for item in rebuilt])


def _psnr(image: np.ndarray, rebuilt: np.ndarray) -> float:
    return metrics.capped_psnr(float(metrics.mse(image[None], rebuilt[None])[0]))


def checked(edits: Any, latent_dim: int) -> dict[int, float]:
    """Edits from the browser or the address, sorted; whatever is not a cell and a value in range
    is left out."""
    result = {}
    for name, value in edits.items() if isinstance(edits, Mapping) else ():
        try:
            cell, number = int(name), float(value)
        except (TypeError, ValueError):
            continue
        if 0 <= cell < latent_dim and abs(number) <= REACH:
            result[cell] = number
    return dict(sorted(result.items()))


def to_text(place: int, edits: Mapping[int, float]) -> str:
    """Image and edits as they stand in the address; "" without edits and with too many."""
    if not edits or len(edits) > MOST_IN_ADDRESS:
        return ""
    cells = [f"{cell + 1}_{value:g}" for cell, value in edits.items()]
    return "~".join([str(place + 1), *cells])


def from_text(text: str) -> tuple[int, dict[int, float]]:
    """(index of the image, edits) of `to_text`; (-1, {}) for any other text."""
    try:
        first, *cells = text.split("~")
        pairs = [cell.split("_") for cell in cells]
        edits = {int(cell) - 1: float(value) for cell, value in pairs}
        place = int(first) - 1
    except ValueError:
        return -1, {}
    sound = all(math.isfinite(value) for value in edits.values())
    return (place, edits) if sound and place >= 0 else (-1, {})


def restore(images: ImageSet, key: str) -> None:
    """Choose the image that the address names, before its widget (of this key) is drawn. After a
    change of page whose address names none: the one whose code was edited, if it is shown."""
    if not address.decides(ADDRESS):
        return
    address.decided(ADDRESS)
    place, _ = from_text(st.query_params.get(ADDRESS, ""))
    if 0 <= place < len(images) or address.by_history() or tour.STEP in st.query_params:
        st.session_state.pop(KEPT, None)  # the address decides; without edits in it there are none
    elif edited := st.session_state.get(KEPT):
        shown = edited.place < len(images) and edited.token.endswith(
            _digest(images.images[edited.place])
        )
        place = edited.place if edited.edits and shown else -1
    if 0 <= place < len(images):
        st.session_state[key] = place


def _digest(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def edit_code(
    checkpoint: Checkpoint, images: ImageSet, place: int, code: np.ndarray, rebuilt: np.ndarray
) -> None:
    """Image `place`, its code (latent_dim,) in cells that can be dragged, its reconstruction."""
    st.fragment(_editor)(checkpoint, images, place, code, rebuilt)


def _editor(
    checkpoint: Checkpoint, images: ImageSet, place: int, code: np.ndarray, rebuilt: np.ndarray
) -> None:
    image = images.images[place]
    token = f"{checkpoint.sha256}-{_digest(image)}"
    spread = reference_spread(checkpoint, images)
    sent = code_editor.state(KEY)
    edits = _edits(token, sent.get("edits"), place, len(code))
    frames, prefixes, request = None, None, sent.get("request") or {}
    lengths = slider_lengths(checkpoint)
    if request.get("token") == token:
        others = checked(request.get("edits"), len(code))
        if lengths and request.get("prefixes"):
            prefixes = prefixes_of(checkpoint, spread, image, code, others)
        elif request.get("cell") in range(len(code)):
            frames = frames_along(checkpoint, spread, image, code, others, int(request["cell"]))
    plain = (rebuilt, _psnr(image, rebuilt))
    current = plain
    if edits:
        decoded = checkpoint.decode(spread.edited(code, edits)[None])[0]
        current = (decoded, _psnr(image, decoded))
    code_editor.code_editor(
        token, image, spread.standardized(code), edits, plain, current, frames,
        lengths, prefixes, size=images.real_dimension,
        name=images.class_names[images.labels[place]] if images.class_names else "original image",
        scale="Standard deviations from the mean, of the codes of the chosen image set.",
        key=KEY,
    )  # fmt: skip
    st.caption(
        "Each cell is one value of the code, in standard deviations from the mean of the codes of "
        "the chosen images. **Drag a cell up or down** (or use the arrow keys): the decoder shows "
        "what the value does. A double click or Delete resets the cell. **Code length** keeps only "
        "the first values; the others are at their mean."
    )


def _edits(token: str, sent: Any, place: int, latent_dim: int) -> dict[int, float]:
    """The present edits, kept in the session and in the address."""
    kept = st.session_state.get(KEPT)
    new = isinstance(sent, Mapping) and sent != st.session_state.get(SENT)
    st.session_state[SENT] = sent  # it stays there when another image is chosen
    if new and sent.get("token") == token:
        edits = checked(sent.get("edits"), latent_dim)
    elif kept is not None:
        edits = kept.edits if kept.token == token else {}
    else:
        named, result = from_text(st.query_params.get(ADDRESS, ""))
        edits = checked(result, latent_dim) if named == place else {}
    st.session_state[KEPT] = Edited(token, place, edits)
    text = to_text(place, edits)
    if text and st.query_params.get(ADDRESS) != text:
        st.query_params[ADDRESS] = text
    elif not text and ADDRESS in st.query_params:
        del st.query_params[ADDRESS]
    return edits
