"""The settings of the Features page and the results for them, cached for all sessions."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.errors import DataError
from convae.evaluation.pca import PCA
from convae.models.checkpoints import Checkpoint
from convae.tasks import dimensionality, features, probe_results
from convae.tasks.dimensionality import Dimensions
from convae.tasks.features import Classified, LabelPoint
from convae.ui import caches, long_work, pickers, uploads
from convae.ui.address import BOUND

COUNTS = (1_000, 2_000, 5_000, 10_000)
Results = dict[str, dict[str, Classified]]


@dataclass(frozen=True, eq=False)
class Setting:
    """A model and the images that its codes are evaluated on. train: labeled images, for
    fitting the probes and for the search for neighbors. Both leave out the images without a label
    of a set with labels."""

    checkpoint: Checkpoint
    train: ImageSet
    test: ImageSet

    @property
    def key(self) -> tuple[str, str, str]:
        return self.checkpoint.sha256, self.train.fingerprint, self.test.fingerprint

    @property
    def own(self) -> bool:
        """Whether the test images are the visitor's and the training images are not."""
        return self.test.name == pickers.UPLOADS != self.train.name

    @property
    def encoded(self) -> ImageSet:
        """The images whose codes are described."""
        return self.test if self.own else self.train

    @property
    def pca(self) -> PCA:
        """Of the training images."""
        return caches.pca_with_progress(self.train)

    def encoders(self, report: long_work.Report) -> dict[str, Callable[[ImageSet], np.ndarray]]:
        return features.encoders(
            self.checkpoint, lambda: self.pca, report, self.train.real_dimension
        )


def labeled(images: ImageSet) -> ImageSet:
    """`features.labeled`, kept for all sessions."""
    return _labeled(images.fingerprint, images)


@st.cache_resource(max_entries=4, show_spinner=False)
def _labeled(fingerprint: str, _images: ImageSet) -> ImageSet:
    return features.labeled(_images)


def source_of(checkpoint: Checkpoint, images: ImageSet) -> str:
    """The set whose training images are used: that of the images; for images of the session without
    classes the data set of the model, where it is available."""
    if images.name == pickers.UPLOADS and (
        len(images.class_names) < 2 or len(caches.splits(images.name)) < 2
    ):
        entry = pickers.checkpoint_options().get(checkpoint.name)
        return pickers.default_source(entry, pickers.sources_of(entry))
    return images.name


def setting(checkpoint: Checkpoint, images: ImageSet, count: int) -> Setting:
    """`count` training images of `source_of` and up to features.TESTED test images of the chosen
    set, or all images of the session where the training images are not theirs."""
    source = source_of(checkpoint, images)
    if source != images.name:
        images = uploads.uploaded()
    train = caches.sample(labeled(caches.image_set(source, "train")), count)
    return Setting(caches.refined(checkpoint, 0), train, caches.sample(images, features.TESTED))


def pick_count(checkpoint: Checkpoint, images: ImageSet) -> int:
    """How many training images to use; no slider where there are no more than its least value."""
    most = len(labeled(caches.image_set(source_of(checkpoint, images), "train")))
    if most <= COUNTS[0]:
        st.caption(f"Training images: {most:,}, all there are.")
        return features.TRAINING
    count = st.select_slider(
        "Training images",
        COUNTS,
        features.TRAINING,
        format_func=lambda count: f"{count:,}",
        key="features-count",
        width=220,
        help="Maximum number of labeled images that the probes are fitted to and that neighbors "
        "are searched in, a fixed random selection. More images take longer the first time.",
        **BOUND,
    )
    if count > most:
        st.caption(f"All {most:,} training images are used: there are no more.")
    return count


def check(setting: Setting) -> None:
    """DataError where the chosen images have fewer than two classes."""
    if setting.test.name == pickers.UPLOADS and len(labeled(setting.test).class_names) < 2:
        raise DataError(
            "Your images have no labels, or only one, so classifiers cannot be tested on them: "
            "give a zip with a folder for each class, or choose another set in the sidebar. "
            "Dimensions and Neighbors work with your images."
        )
    features.check_labels(setting.train.labels, setting.test.labels)


def results_of(setting: Setting, found: probe_results.Found = lambda results: None) -> Results:
    """All probes in all spaces. found: called with those so far, while there is more to compute.
    DataError where there are fewer than two classes."""
    check(setting)

    def make(report: long_work.Report) -> Results:
        return probe_results.probe_all(
            setting.checkpoint, lambda: setting.pca, setting.train, setting.test, report, found
        )

    return long_work.fill(_slot("results", *setting.key), make)


def curves_of(
    setting: Setting, probe: str, found: probe_results.Found = lambda curves: None
) -> dict[str, list[LabelPoint]]:
    """The accuracy over the number of labels in every space; found: as in `results_of`."""
    results = results_of(setting)

    def make(report: long_work.Report) -> dict[str, list[LabelPoint]]:
        return probe_results.label_curves(
            probe, setting.checkpoint, lambda: setting.pca, setting.train, setting.test,
            results, report, found,
        )  # fmt: skip

    return long_work.fill(_slot("labels", *setting.key, probe), make)


@st.cache_resource(max_entries=48, show_spinner=False)
def _slot(kind: str, sha256: str, train: str, test: str, *more: str) -> long_work.Slot:
    return long_work.Slot()


def dimensions_of(setting: Setting) -> dict[str, Dimensions]:
    """The dimensions of codes of the model and of the random encoder. Those of the training images,
    or of uploads that have none. DataError where these do not vary."""
    images = setting.encoded

    def make(report: long_work.Report) -> dict[str, Dimensions]:
        encoders, results = setting.encoders(report), {}
        for place, name in enumerate(("codes", "random_encoder")):
            report(place, 2, "encoding the images")
            results[name] = dimensionality.dimensions(encoders[name](images))
        return results

    return long_work.fill(_slot("dimensions", *setting.key), make)


def neighbors_of(setting: Setting, row: int, k: int) -> dict[str, np.ndarray]:
    """The k training images nearest to a test image in every space: space -> rows (k,)."""

    def make(report: long_work.Report) -> dict[str, np.ndarray]:
        one, nearest = setting.test.take([row]), {}
        for place, (name, encode) in enumerate(setting.encoders(report).items()):
            report(place, len(features.SPACES), "searching")
            space = features.Space(_points(setting, name, encode), encode(one))
            nearest[name] = features.neighbors_of(space, 0, k)
        return nearest

    return long_work.fill(_slot("neighbors", *setting.key, str(row), str(k)), make)


def _points(setting: Setting, name: str, encode: Callable[[ImageSet], np.ndarray]) -> np.ndarray:
    """Training images in one space. Pixels are not cached: they are fast to make, and large."""
    if name == "pixels":
        return encode(setting.train)
    slot = _slot_of_points(setting.checkpoint.sha256, setting.train.fingerprint, name)
    return long_work.fill(slot, lambda report: encode(setting.train))


@st.cache_resource(max_entries=8, show_spinner=False)
def _slot_of_points(sha256: str, train: str, name: str) -> long_work.Slot:
    return long_work.Slot()


def command(setting: Setting, count: int) -> str:
    """The command that prints the same accuracies; "" for uploads, which it cannot read."""
    if setting.test.name == pickers.UPLOADS:
        return ""
    words = ["python", "-m", "convae", "probe", setting.checkpoint.name]
    words += ["--data", setting.test.name]
    return shlex.join(words + (["--limit", str(count)] if count != features.TRAINING else []))
