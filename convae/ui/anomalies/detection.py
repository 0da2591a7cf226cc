"""The Anomalies page: the normal images, the suspects, and the scores of both.

Slow results are cached for all sessions; the keys are the weights and the images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet
from convae.models.checkpoints import Checkpoint
from convae.tasks import anomaly, separation
from convae.tasks.anomaly import Detector
from convae.tasks.anomaly_groups import GENERATED, Choice, Groups, groups
from convae.tasks.evidence import FEWEST
from convae.tasks.separation import Measured
from convae.ui import caches, frame, long_work, own_images, pickers, query, uploads
from convae.ui.address import BOUND
from convae.ui.escape import plain

OTHERS = "other classes"
ALL = "all classes"
# With the first class, astronaut, nearly all scores put the normal images above the suspects:
# a poor first example.
DEFAULT_NORMAL = {"photos": "cat"}
LIMITS = (200, 500, 1000)
FIT_LIMITS = (500, 1000, 2000, 5000)


@dataclass(frozen=True, eq=False)
class Detection:
    """A detector, both groups of images and their scores: score name -> float64 (N,)."""

    checkpoint: Checkpoint
    choices: tuple[Choice, Choice]
    groups: Groups
    detector: Detector
    normal: dict[str, np.ndarray]
    suspects: dict[str, np.ndarray]
    measured: dict[str, Measured]


def pick_normal(whole: ImageSet) -> Choice:
    """The image set of the sidebar, or one of its classes."""
    if len(whole.class_names) < 2:
        st.text_input(
            "Normal",
            pickers.spec_name(whole.name),
            disabled=True,
            help="The detector is fitted to normal images only. Choose another set in the sidebar.",
        )
        return Choice(whole.name)
    options = [ALL, *whole.class_names]
    first = DEFAULT_NORMAL.get(whole.name) or _first_class(whole)
    name = st.selectbox(
        f"Normal: class of {plain(pickers.spec_name(whole.name))}",
        options,
        index=options.index(first) if first in options else 1,
        key=f"anomalies-normal-{_key(whole.name)}",
        help="The detector is fitted to normal images only: the training split of this class. "
        "Choose another image set in the sidebar.",
        **BOUND,
    )
    return Choice(whole.name, () if name == ALL else (name,))


def _first_class(whole: ImageSet) -> str:
    """The first class; of a small set, some classes of which have hardly a test image, the one with
    the most."""
    counts = np.bincount(whole.labels, minlength=len(whole.class_names))
    return whole.class_names[int(counts.argmax()) if counts[0] < FEWEST else 0]


def _key(spec: str) -> str:
    """Part of the keys of widgets whose options depend on an image set."""
    return spec if spec in data.SPECS else "own"


def pick_suspects(normal: Choice) -> Choice:
    """Another set, some of its classes, generated images, or the other classes of the same set."""
    specs = [spec for spec in data.SPECS if spec != "cifar10" or data.cifar10_present()]
    options = [OTHERS] if normal.classes else []
    own = own_images.own_specs()
    options += [spec for spec in [*own, *specs, *GENERATED] if spec != normal.spec]
    if normal.spec != pickers.UPLOADS:
        options.append(pickers.UPLOADS)
    key = f"anomalies-suspects-{'class' if normal.classes else 'set'}"
    spec = st.selectbox(
        "Suspects",
        options,
        format_func=query.shown_as(
            key, lambda spec: spec if spec == OTHERS else pickers.spec_name(spec)
        ),
        key=key,
        help="Images that the scores should separate from normal ones. "
        + " ".join(f"{name.capitalize()}: {text}." for name, text in GENERATED.items()),
        **BOUND,
    )
    if spec == OTHERS:
        return Choice(normal.spec)
    if spec == pickers.UPLOADS:
        uploads.pick_uploads()
    if spec in GENERATED or spec == pickers.UPLOADS:
        return Choice(spec)
    with frame.error_boundary():
        names = caches.image_set(spec, "test").class_names
    if len(names) < 2:
        return Choice(spec)
    chosen = st.multiselect(
        "Classes of the suspects",
        names,
        key=f"anomalies-classes-{_key(spec)}",
        placeholder="All classes",
        help="Only images of these classes are suspects. Empty: all classes.",
        **BOUND,
    )
    return Choice(spec, tuple(chosen))


def pick_limits() -> tuple[int, int]:
    """(images of each group, normal images to fit to)."""
    limit = st.segmented_control(
        "Images of each group",
        LIMITS,
        default=LIMITS[0],
        required=True,
        key="anomalies-limit",
        help="Maximum number of test images, a fixed random selection. More images give smaller "
        "standard errors.",
        **BOUND,
    )
    fit_limit = st.segmented_control(
        "Normal images to fit to",
        FIT_LIMITS,
        default=FIT_LIMITS[1],
        required=True,
        key="anomalies-fit",
        help="Maximum number of training images. More images give a better fit, which takes longer "
        "the first time.",
        **BOUND,
    )
    return limit, fit_limit


def _loads(normal: Choice) -> tuple[Callable[[str, str], ImageSet], Callable]:
    """`load` and `splits` for `groups`. Images of the session that are suspects only are not split:
    nothing is fitted to them."""

    def load(spec: str, split: str) -> ImageSet:
        if spec == pickers.UPLOADS != normal.spec:
            return uploads.measured()
        return caches.image_set(spec, split)

    def splits(spec: str) -> tuple[str, ...]:
        return ("test",) if spec == pickers.UPLOADS != normal.spec else caches.splits(spec)

    return load, splits


def detect(
    checkpoint: Checkpoint, normal: Choice, suspects: Choice, limits: tuple[int, int]
) -> Detection:
    """Fits the detector and scores both groups, with a progress bar on the first call. Raises
    DataError."""
    specs = [spec for spec in (normal.spec, suspects.spec) if spec not in GENERATED]
    load, splits = _loads(normal)
    prints = [load(spec, split).fingerprint for spec in specs for split in splits(spec)]
    chosen = _groups(normal, suspects, limits, tuple(prints))
    key = checkpoint.card.sha256, chosen.fit.fingerprint
    detector = long_work.fill(
        _slot("detector", *key),
        lambda report: anomaly.fit(
            checkpoint, chosen.fit.images, report, chosen.fit.real_dimension
        ),
    )
    scores = [
        long_work.fill(
            _slot("scores", *key, images.fingerprint),
            lambda report, images=images: detector.scores(images.images, report),
        )
        for images in (chosen.normal, chosen.suspects)
    ]
    measured = _measured(*key, chosen.normal.fingerprint, chosen.suspects.fingerprint, *scores)
    return Detection(checkpoint, (normal, suspects), chosen, detector, *scores, measured)


@st.cache_resource(max_entries=6, show_spinner=False)
def _groups(normal: Choice, suspects: Choice, limits: tuple[int, int], prints: tuple) -> Groups:
    load, splits = _loads(normal)
    return groups(normal, suspects, *limits, load=load, splits=splits)


@st.cache_resource(max_entries=30, show_spinner=False)
def _slot(what: str, sha256: str, fit: str, images: str = "") -> long_work.Slot:
    return long_work.Slot()


@st.cache_resource(max_entries=30, show_spinner="Measuring")
def _measured(
    sha256: str, fit: str, normal: str, suspects: str, _normal: np.ndarray, _suspects: np.ndarray
) -> dict[str, Measured]:
    return separation.measure_all(_normal, _suspects)
