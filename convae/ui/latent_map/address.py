"""What the address of the Latent map page holds beyond its widgets: an empty place, a selection,
what is isolated, what is projected alone.

Each is a text field that is not shown, bound to the address like every other widget. A spot is
`x~y~tag`, images are `rows~tag`: a bitmap, compressed, in URL-safe base64, at most 1,700 characters
for 10,000 images. The tag names the map, or the image set, that it belongs to.
"""

import base64
import binascii
import math
import zlib
from collections.abc import Iterable

import numpy as np
import streamlit as st

SPOT, SELECTION, ISOLATED, PROJECTED = FIELDS = (
    "latent-spot", "latent-selection", "latent-isolated", "latent-projected",
)  # fmt: skip
WORDS = {
    SPOT: "empty place",
    SELECTION: "selection",
    ISOLATED: "isolation",
    PROJECTED: "projection",
}
HIDDEN = "<style>.st-key-latent-address { display: none; }</style>"
LONGEST = 4_000  # characters that are looked at
WROTE = "latent-wrote"


def pack(rows: np.ndarray, count: int) -> str:
    """Rows, int (K,) in [0, count), as text."""
    marked = np.zeros(count, bool)
    marked[rows] = True
    packed = zlib.compress(np.packbits(marked).tobytes(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def unpack(text: str, count: int) -> np.ndarray | None:
    """The rows that `pack` wrote, sorted; None where the text is not from it, or names no row."""
    size = -(-count // 8)
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        opened = zlib.decompressobj()
        result = opened.decompress(packed, size + 1)  # never more, whatever it claims to hold
    except (binascii.Error, ValueError, zlib.error):
        return None
    if len(result) != size or not opened.eof:
        return None
    rows = np.flatnonzero(np.unpackbits(np.frombuffer(result, np.uint8)))
    return rows if len(rows) and rows[-1] < count else None


def draw_fields() -> None:
    """The fields; once a run, before anything is read from them."""
    st.html(HIDDEN)
    with st.container(key="latent-address"):
        for field in FIELDS:
            st.text_input(WORDS[field], key=field, bind="query-params", persist_state="session")


def write(field: str, value: str) -> None:
    """Only in a callback: fields are drawn early."""
    st.session_state[field] = value
    st.session_state[WROTE] = st.session_state.get(WROTE, {}) | {field: value}


def write_rows(field: str, rows: np.ndarray, count: int, fingerprint: str) -> None:
    write(field, f"{pack(rows, count)}~{fingerprint[:8]}")


def write_spot(at: Iterable[float], key: str) -> None:
    write(SPOT, "~".join(f"{float(value):.5g}" for value in at) + f"~{key[:8]}")


def rows(field: str, count: int, fingerprint: str) -> np.ndarray | None:
    """Rows of an image set of so many images; None where there are none, or not for this set."""
    body = _body(field, fingerprint, "other images")
    if body is None:
        return None
    result = unpack(body, count)
    if result is None:
        _note(field, "cannot be read")
    return result


def spot(key: str) -> np.ndarray | None:
    """The place, float32 (2,), on the map of this key; None where there is none, or not here."""
    body = _body(SPOT, key, "another map")
    if body is None:
        return None
    try:
        at = [float(part) for part in body.split("~")]
    except ValueError:
        at = []
    if len(at) != 2 or not all(math.isfinite(value) and abs(value) < 1e9 for value in at):
        return _note(SPOT, "cannot be read")
    return np.array(at, np.float32)


def _body(field: str, tag: str, other: str) -> str | None:
    text = st.session_state.get(field) or ""
    if not text:
        return None
    body, _, result = text.rpartition("~")
    if not body or len(text) > LONGEST:
        return _note(field, "cannot be read")
    return body if result == tag[:8] else _note(field, f"belongs to {other}")


def _note(field: str, what: str) -> None:
    """Say what is ignored if it came with the address; what was done here is known."""
    if st.session_state.get(field) != st.session_state.get(WROTE, {}).get(field):
        st.info(f"The {WORDS[field]} in the address {what} and is ignored.", icon=":material/info:")
