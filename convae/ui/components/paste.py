"""Images pasted from the clipboard anywhere on the page."""

import base64
import binascii
from collections.abc import Callable

import streamlit as st

from convae.ui.components import component

KEY = "paste"


def listen(on_paste: Callable[[bytes], None]) -> None:
    """Call on_paste with the bytes of an image that is pasted with Ctrl+V. Large ones are reduced
    by the browser; the bytes are as untrusted as those of an upload."""

    def pasted() -> None:
        text = st.session_state[KEY].get("pasted")
        try:
            content = base64.b64decode(text, validate=True)
        except (TypeError, ValueError, binascii.Error):
            return
        on_paste(content)

    with st.container(key="paste-area"):
        component("paste")(key=KEY, on_pasted_change=pasted)
