"""The model and the images of the Generate page, and the results for a choice, cached for all
sessions."""

import shlex
from dataclasses import astuple, dataclass, replace

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.errors import DataError
from convae.latent.typicality import Typicality
from convae.models.checkpoints import Checkpoint
from convae.tasks import generation
from convae.tasks.generation import Material, Sampler, Samples
from convae.tasks.merits import Figures
from convae.ui import caches, long_work, pickers, real_codes
from convae.ui.escape import sentence
from convae.ui.generate.choice import EACH, TOGETHER, Choice


@dataclass(frozen=True, eq=False)
class Setting:
    """A model without refinement, the images that its priors are fitted to, and the real images to
    compare with; the model and the images as they were chosen."""

    checkpoint: Checkpoint
    train: ImageSet
    real: ImageSet
    model: Checkpoint
    images: ImageSet

    @property
    def key(self) -> tuple[str, str, str]:
        return self.checkpoint.sha256, self.train.fingerprint, self.real.fingerprint

    @property
    def typical(self) -> Typicality:
        """What is typical of real codes, as on all pages (`real_codes`)."""
        return real_codes.typical(self.model, self.images)

    def off_manifold(self, codes: np.ndarray) -> np.ndarray:
        """The off-manifold percentiles of codes."""
        return self.typical.percentile(codes)

    @property
    def variational(self) -> bool:
        return "vae" in generation.kinds_for(self.checkpoint.config)

    @property
    def apart(self) -> bool:
        """Whether the real images are not those that the prior is fitted to."""
        return self.train.split != self.real.split


def setting(checkpoint: Checkpoint, images: ImageSet) -> Setting:
    """As `generation.fit_and_real`, for the test images of the chosen set."""
    try:
        train = caches.image_set(images.name, "train")
    except DataError:  # a set with test images only
        train = images
    train, real = caches.sample(train, generation.TRAINING), caches.sample(images, generation.COUNT)
    return Setting(caches.refined(checkpoint, 0), train, real, checkpoint, images)


def material_of(setting: Setting) -> Material:
    # encoding has its own progress bar, whose place in the page must exist in every run
    codes = caches.codes_of(setting.checkpoint, setting.train)
    caches.pca_of(setting.train)  # with a spinner, and the one that `prepare` finds on disk
    return _material(*setting.key, setting, codes)


@st.cache_resource(max_entries=4, show_spinner="Preparing the images")
def _material(
    sha256: str, train: str, real: str, _setting: Setting, _codes: np.ndarray
) -> Material:
    return generation.prepare(_setting.checkpoint, _setting.train, _codes, _setting.real)


def prior_of(setting: Setting, material: Material, choice: Choice) -> Sampler:
    return _prior(
        setting.key, choice.kind, choice.components, choice.neighbors, choice.condition,
        choice.seed, material,
    )  # fmt: skip


@st.cache_resource(max_entries=24, show_spinner="Fitting the prior")
def _prior(
    key: tuple,
    kind: str,
    components: int,
    neighbors: int,
    condition: int,
    seed: int,
    _material: Material,
) -> Sampler:
    codes, labels = _material.codes, _material.train.labels
    if condition >= 0:
        codes = codes[labels == condition]
        if not len(codes):
            name = _material.train.class_names[condition]
            raise DataError(f"There is no training image of the class {name}: choose another.")
    labels = labels if condition == EACH else None
    return generation.fit_prior(
        kind, codes, labels, components=components, neighbors=neighbors, seed=seed
    )


def samples_of(setting: Setting, material: Material, choice: Choice) -> Samples:
    """generation.COUNT samples of the chosen prior."""
    slot = _slot_of_samples(setting.key, astuple(choice))
    return long_work.fill(slot, lambda report: _generated(setting, material, choice, report))


@st.cache_resource(max_entries=6, show_spinner=False)
def _slot_of_samples(key: tuple, choice: tuple) -> long_work.Slot:
    return long_work.Slot()


def _generated(
    setting: Setting, material: Material, choice: Choice, report: long_work.Report | None = None
) -> Samples:
    prior = prior_of(setting, material, choice)
    return generation.generate(
        material, prior, generation.COUNT, choice.seed, choice.temperature, report
    )


def figures_of(
    setting: Setting, material: Material, choice: Choice, images: np.ndarray
) -> Figures | None:
    """The figures of merit of these samples; None where there are too few real images."""
    return _figures(setting.key, astuple(choice), material, images)


def ceiling_of(setting: Setting, material: Material) -> Figures | None:
    """The same for training images used as samples."""
    images = generation.ceiling_images(material, generation.COUNT)
    return _figures(setting.key, (generation.CEILING,), material, images)


@st.cache_resource(max_entries=200, show_spinner="Measuring the samples")
def _figures(key: tuple, choice: tuple, _material: Material, _images: np.ndarray) -> Figures | None:
    try:
        return generation.measure(_material, _images)
    except DataError:
        return None


def comparison(setting: Setting, material: Material, choice: Choice) -> dict[str, Figures]:
    """The figures of every prior that this model has, of the baselines and of training images; the
    parameters are those of `choice`, with all classes together. DataError for too few images."""
    kinds = generation.kinds_for(setting.checkpoint.config)
    if setting.variational:
        kinds.remove("normal")  # it draws the same codes as `vae`
    choices = {kind: replace(choice, kind=kind, condition=TOGETHER) for kind in kinds}
    slot = _slot_of_comparison(setting.key, astuple(replace(choice, kind="", condition=TOGETHER)))

    count, seed = generation.COUNT, choice.seed
    makers = {
        kind: lambda option=option: _generated(setting, material, option).images
        for kind, option in choices.items()
    }
    for name in generation.BASELINES:
        makers[name] = lambda name=name: generation.baseline_images(
            material, name, count, seed, choice.components
        )
    makers[generation.CEILING] = lambda: generation.ceiling_images(material, count)

    def make(report: long_work.Report) -> dict[str, Figures]:
        rows: dict[str, Figures] = {}
        for place, (kind, images) in enumerate(makers.items()):
            report(place, len(makers), "measuring priors")
            rows[kind] = generation.measure(material, images())
        return rows

    return long_work.fill(slot, make)


@st.cache_resource(max_entries=24, show_spinner=False)
def _slot_of_comparison(key: tuple, choice: tuple) -> long_work.Slot:
    return long_work.Slot()


def command(setting: Setting, choice: Choice) -> str:
    """The command that prints the same figures; "" for uploads and single classes, which it does
    not support."""
    if setting.real.name == pickers.UPLOADS or choice.condition >= 0:
        return ""
    words = ["python", "-m", "convae", "generate", setting.checkpoint.name]
    words += ["--prior", choice.kind, "--data", setting.real.name, "--seed", str(choice.seed)]
    if choice.kind == "gmm" and choice.components != generation.COMPONENTS:
        words += ["--components", str(choice.components)]
    if choice.kind == "jitter" and choice.neighbors != generation.NEIGHBORS:
        words += ["--neighbors", str(choice.neighbors)]
    if choice.temperature != 1:
        words += ["--temperature", f"{choice.temperature:g}"]
    return shlex.join(words + (["--by-class"] if choice.condition == EACH else []))


def misfit(material: Material) -> str:
    """Why N(0, I) does not fit the codes of a model that is not variational."""
    spread = material.codes.std(axis=0)
    off = np.abs(material.codes.mean(axis=0)).max()
    return sentence(
        "These codes were not trained to follow N(0, I): their standard deviations range from "
        f"{spread.min():.3g} to {spread.max():.3g}, and their means reach {off:.3g}. Samples of "
        "N(0, I) are off-manifold."
    )
