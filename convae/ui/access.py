"""Who may train, import, delete and add images on this server.

CONVAE_TRAINING=on allows every visitor, off nobody. Unset: visitors on the same machine, that is
over the loopback interface and not through a reverse proxy; with CONVAE_ADMIN_TOKEN also a visitor
who knows the token.

CONVAE_UPLOADS=off forbids images of visitors. Unset: every visitor may add images for the session;
visitors on the same machine, or with the token, may also keep them on disk, name a folder and
delete a kept set. on: every visitor may keep images on disk.
"""

import hmac
import ipaddress
import os

import streamlit as st

from convae import limits

STARTED = "started"  # names of the background processes that this session has started
FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip")


def may_train() -> bool:
    """Whether this visitor may train, import and delete."""
    if not limits.training_allowed():
        return False
    return limits.training_set() or is_local() or st.session_state.get("admin", False)


def note_started(name: str) -> None:
    """Remember that this session has started a background process of this name, which it may
    cancel."""
    st.session_state[STARTED] = st.session_state.get(STARTED, frozenset()) | {name}


def forget_started(name: str) -> None:
    """The process has ended: one of the same name may be another visitor's."""
    st.session_state[STARTED] = st.session_state.get(STARTED, frozenset()) - {name}


def may_cancel(name: str) -> bool:
    """Whether this visitor may cancel it: who started it, and who may train."""
    return name in st.session_state.get(STARTED, ()) or may_train()


def may_upload() -> bool:
    """Whether this visitor may add images for the session."""
    return limits.uploads_allowed()


def may_keep() -> bool:
    """Whether this visitor may keep images on the disk of the server."""
    return limits.uploads_allowed() and (limits.uploads_set() or _is_owner())


def may_name_folder() -> bool:
    """Whether this visitor may name a folder of the server to read images from."""
    return limits.uploads_allowed() and _is_owner()


def may_delete_sets() -> bool:
    """Whether this visitor may delete sets of images that are kept."""
    return limits.uploads_allowed() and _is_owner()


def _is_owner() -> bool:
    return is_local() or st.session_state.get("admin", False)


def explain_uploads() -> None:
    """Say that nothing can be uploaded."""
    st.info(
        "Uploads are disabled on this server. To use files of your own, run convae on your own "
        "machine.",
        icon=":material/lock:",
    )


def is_local() -> bool:
    """Whether the visitor's browser runs on the machine of the server."""
    headers = st.context.headers
    return _is_loopback(st.context.ip_address) and not any(name in headers for name in FORWARDING)


def _is_loopback(address: str | None) -> bool:
    """Streamlit 1.67 gives None for ::1 and 127.0.0.1, but a server that listens on all addresses
    sees IPv4 visitors as ::ffff:127.0.0.1."""
    if address is None:
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def explain() -> None:
    """Say that training is disabled, and ask for the owner's token if there is one."""
    st.info(
        "Training is disabled on this server. To train, run convae on your own machine.",
        icon=":material/lock:",
    )
    token = os.environ.get("CONVAE_ADMIN_TOKEN", "")
    if not token or not limits.training_allowed():
        return
    given = st.text_input(
        "Owner's token",
        type="password",
        key="admin-token",
        help="The value of CONVAE_ADMIN_TOKEN. It allows training, import and deletion in this "
        "session.",
    )
    if not given:
        return
    if hmac.compare_digest(given.encode(), token.encode()):
        st.session_state["admin"] = True
        st.rerun()
    st.error("This is not the token of this server.", icon=":material/error:")
