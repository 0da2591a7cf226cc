"""Where the program comes from: its version, license and source."""

import os

import streamlit as st

from convae import __version__
from convae.ui.escape import plain


def source_address() -> str:
    """CONVAE_SOURCE_URL, the page of the source of this installation; "" unless it is https."""
    address = os.environ.get("CONVAE_SOURCE_URL", "").strip()
    usable = address.startswith("https://") and not set(address) & set("()<>[]\\\"' \n")
    return address if usable else ""


def source() -> None:
    """One line: version, license, a link to the source if the host names it."""
    line = f"convae {plain(__version__)}, open source under the MIT license"
    address = source_address()
    st.caption(f"{line}: [source code]({address})" if address else f"{line}.")
