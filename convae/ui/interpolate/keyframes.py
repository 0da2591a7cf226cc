"""Choosing keyframes by clicks: test images, uploads, generated codes and means."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.latent import interpolation, keyframes, priors
from convae.latent.keyframes import Keyframe, Known
from convae.models.checkpoints import Checkpoint
from convae.ui import caches, frame, image_sources, model_cards, pickers, pictures
from convae.ui.address import UPLOADS
from convae.ui.escape import sentence

REAL = 3_000  # real codes that walks are held against: 2 s to encode and join on one core


class Chosen(NamedTuple):
    """K keyframes: what they are, what they are called, images (K, 32, 32, 3), codes (K, d)."""

    keyframes: list[Keyframe]
    names: list[str]
    images: np.ndarray
    codes: np.ndarray


class Ground(NamedTuple):
    """What there is to walk on: all that keyframes may name, and what the gallery offers."""

    checkpoint: Checkpoint
    known: Known
    gallery: list[Keyframe]

    @property
    def real(self) -> interpolation.RealCodes:
        sample = self.known.sample
        return _real(self.checkpoint.sha256, sample.fingerprint, self.known.codes)


@st.cache_resource(max_entries=4, show_spinner="Finding the nearest of each code")
def _real(sha256: str, fingerprint: str, _codes) -> interpolation.RealCodes:
    return interpolation.real_codes(_codes)


@st.cache_resource(max_entries=4, show_spinner="Fitting a prior to the codes")
def _prior(sha256: str, fingerprint: str, _codes) -> priors.Prior:
    return priors.fit_gmm(_codes)


def pick_ground(checkpoint: Checkpoint, key: str, count: int = 24) -> Ground:
    """The images to choose keyframes from, and the real codes around them."""
    whole, rows = pickers.pick_rows(count, key, most=60)
    own = st.session_state.get("uploads-set")
    uploads = own.images if own is not None else np.zeros((0, 32, 32, 3), np.uint8)
    with frame.steady():
        if whole.name == UPLOADS:
            whole, gallery = _seen_by(checkpoint), [Keyframe("u", int(row) + 1) for row in rows]
        else:
            gallery = [Keyframe("", int(row)) for row in rows]
        sample = caches.sample(whole, REAL)
        codes = caches.codes_of(checkpoint, sample)
    return Ground(checkpoint, Known(whole, uploads, sample, codes), gallery)


def _seen_by(checkpoint: Checkpoint) -> ImageSet:
    """The images around those that a visitor uploads: what the model has learned from."""
    entry = model_cards.checkpoint_options().get(checkpoint.name)
    sources = [source for source in image_sources.sources_of(entry) if source != UPLOADS]
    with frame.error_boundary():
        return caches.image_set(image_sources.default_source(entry, sources), "test")


def pick_keyframes(
    ground: Ground,
    key: str,
    least: int,
    most: int,
    *,
    start: list[Keyframe],
    slots: str = "",
) -> Chosen:
    """Keyframes chosen by clicks: those of `start` at first, `least` to `most` of them later.

    They are kept in the address, under `key`, in the words of `keyframes.parse`. slots: a letter
    for each place, where each has a role of its own (least = most).
    """
    known, fixed = ground.known, least == most
    with st.container(horizontal=True, vertical_alignment="center"):
        place = st.container(key=f"slots-{key}", width="content")
        tools = st.container(
            horizontal=True, width="content", gap="small", vertical_alignment="center"
        )
    with tools:
        popover = st.popover("Change" if fixed else "Add", icon=":material/add_photo_alternate:")
        with popover:
            text = st.text_input(
                "Keyframes as text",
                key=key,
                bind="query-params",
                persist_state="session",
                placeholder=keyframes.text_of(start),
                help="Numbers of test images, separated by commas; `u1` is your first image, `g7` "
                "a generated one, `c3` the mean of class 3, `m` the mean of all.",
            )
    found, problems = keyframes.parse(text, known, most)
    with frame.steady():
        for problem in problems:
            st.info(sentence(problem), icon=":material/info:")
    if len(found) < least:  # so that there always is something to see
        found += start[len(found) : least if found else most]
    chosen = _chosen(ground, found)
    slot_key = f"{key}-slot"
    if (st.session_state.get(slot_key) or 0) >= len(found):
        st.session_state[slot_key] = None
    if fixed and st.session_state.get(slot_key) is None:
        st.session_state[slot_key] = 0
    with place:
        slot = st.pills(
            "Keyframes",
            range(len(found)),
            format_func=lambda n: _label(chosen, n, slots),
            label_visibility="collapsed",
            key=slot_key,
            required=fixed,
        )
    with popover:
        _gallery(ground, key, found, slot, most, fixed)
    with tools:
        if not fixed:
            _moves(key, found, slot, least)
        st.button(
            "Random",
            icon=":material/casino:",
            key=f"{key}-random",
            on_click=_random,
            args=(key, len(found), ground),
            help="As many other images, drawn from the chosen class or from all.",
        )
    return chosen


def _chosen(ground: Ground, found: list[Keyframe]) -> Chosen:
    checkpoint, known = ground.checkpoint, ground.known
    images, codes = keyframes.look_up(
        found,
        known,
        checkpoint,
        lambda: _prior(checkpoint.sha256, known.sample.fingerprint, known.codes),
    )
    return Chosen(found, [keyframes.named(each, known.test) for each in found], images, codes)


def _label(chosen: Chosen, n: int, slots: str) -> str:
    # names of classes come from folders: no markdown in them
    plain = "".join(
        letter if letter.isalnum() or letter in " -" else " " for letter in chosen.names[n]
    )
    role = f"**{slots[n]}** " if slots else ""
    return f"![{plain}]({pictures.data_url(chosen.images[n])}) {role}{plain}"


def _write(key: str, found: list[Keyframe]) -> None:
    st.session_state[key] = keyframes.text_of(found)


def _put(key: str, found: list[Keyframe], new: Keyframe, slot: int | None, most: int) -> None:
    """In place of the chosen keyframe; where none is chosen, after the last."""
    if slot is not None:
        found = [*found[:slot], new, *found[slot + 1 :]]
    elif len(found) == most:
        st.toast(f"A walk has at most {most} keyframes: click one to replace it.")
        return
    else:
        found = [*found, new]
    _write(key, found)


def _fill(key: str, found: list[Keyframe], new: Keyframe, slot: int) -> None:
    """In the chosen place; the next one is filled by the next click."""
    _put(key, found, new, slot, len(found))
    st.session_state[f"{key}-slot"] = (slot + 1) % len(found)


def _gallery(ground: Ground, key: str, found, slot, most: int, fixed: bool) -> None:
    known = ground.known
    what = "replaces the keyframe chosen above" if slot is not None else "becomes the next keyframe"
    st.caption(f"A click on an image {what}. Other images: the choices in the sidebar.")
    add, rest = (_fill, (slot or 0,)) if fixed else (_put, (slot, most))
    # buttons and not pills: a click is an event here, and pills would send it with every rerun
    with st.container(key=f"thumbs-{key}", horizontal=True, gap="xsmall"):
        for number, new in enumerate(ground.gallery):
            kind, n = new
            image = known.uploads[n - 1] if kind == "u" else known.test.images[n]
            st.button(
                f"![image {number + 1}]({pictures.data_url(image)})",
                key=f"{key}-gallery-{number}",
                on_click=add,
                args=(key, found, new, *rest),
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Generated",
            icon=":material/auto_awesome:",
            key=f"{key}-generated",
            on_click=_generated,
            args=(add, key, found, *rest),
            help="A new code, drawn from a mixture of normal distributions fitted to real codes.",
        )
        st.button(
            "Mean image",
            icon=":material/functions:",
            key=f"{key}-mean",
            on_click=add,
            args=(key, found, Keyframe("m"), *rest),
            help="The mean of all codes, decoded.",
        )
        present = [int(n) for n in np.unique(known.sample.labels)]
        if len(present) > 1:
            number = st.selectbox(
                "Class",
                present,
                format_func=lambda n: known.test.class_names[n],
                key=f"{key}-class",
                label_visibility="collapsed",
                width=150,
            )
            st.button(
                "Mean of the class",
                icon=":material/functions:",
                key=f"{key}-class-mean",
                on_click=add,
                args=(key, found, Keyframe("c", number), *rest),
                help="The mean of the codes of all its images, decoded.",
            )


def _generated(add, key: str, found: list[Keyframe], *rest) -> None:
    add(key, found, Keyframe("g", int(np.random.default_rng().integers(1, 10_000))), *rest)


def _random(key: str, count: int, ground: Ground) -> None:
    test, rng = ground.known.test, np.random.default_rng()
    pool = [each for each in ground.gallery if each.kind == "u"]
    if len(pool) < count:
        name = st.session_state.get("interpolate-class")
        inside = test.labels == test.class_names.index(name) if name in test.class_names else None
        rows = np.arange(len(test)) if inside is None else np.flatnonzero(inside)
        pool = [Keyframe("", int(row)) for row in rng.choice(rows, count)]
    _write(key, [pool[n] for n in rng.permutation(len(pool))[:count]])


def _moves(key: str, found: list[Keyframe], slot: int | None, least: int) -> None:
    """Move the chosen keyframe back or forth, or take it away."""
    moves = [
        ("back", ":material/arrow_back:", -1, "Earlier", slot is not None and slot > 0),
        (
            "forth",
            ":material/arrow_forward:",
            1,
            "Later",
            slot is not None and slot < len(found) - 1,
        ),
        ("remove", ":material/delete:", 0, "Remove", slot is not None and len(found) > least),
    ]
    for name, icon, step, told, possible in moves:
        st.button(
            "",
            icon=icon,
            key=f"{key}-{name}",
            disabled=not possible,
            on_click=_move,
            args=(key, found, slot, step),
            help=f"{told}: click a keyframe first.",
        )


def _move(key: str, found: list[Keyframe], slot: int, step: int) -> None:
    rest = [*found[:slot], *found[slot + 1 :]]
    if step:
        rest.insert(slot + step, found[slot])
    st.session_state[f"{key}-slot"] = slot + step if step else None
    _write(key, rest)
