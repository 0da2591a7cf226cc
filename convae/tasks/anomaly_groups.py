"""Which images are normal and which are suspects, from words such as `cifar10:airplane`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from convae import data
from convae.data import ImageSet
from convae.data.disk_cache import fingerprint
from convae.errors import DataError

GENERATED = {
    "noise": "every value drawn from 0 to 255",
    "checkerboards": "two random colors, squares of 1 to 8 pixels",
}
GENERATED_COUNT = 1_000
# spec, split -> the images
Load = Callable[[str, str], ImageSet]


class Choice(NamedTuple):
    """An image set and the selected classes of it; no classes: all of them."""

    spec: str
    classes: tuple[str, ...] = ()


class Groups(NamedTuple):
    """fit: normal images that a detector is fitted to. normal, suspects: what it is measured on."""

    fit: ImageSet
    normal: ImageSet
    suspects: ImageSet


def parse(text: str) -> Choice:
    """`SPEC` or `SPEC:class,class` as a Choice. DataError for a spec that does not exist.

    A path may hold colons, so the longest part that is a spec counts as the spec.
    """
    if text in GENERATED:
        return Choice(text)
    place, problem = len(text), None
    while place > 0:
        try:
            data.check_spec(text[:place])
        except DataError as error:
            problem = problem or error
            place = text.rfind(":", 0, place)
            continue
        names = (name.strip() for name in text[place + 1 :].split(","))
        return Choice(text[:place], tuple(name for name in names if name))
    raise problem or DataError("Give an image set, such as shapes or shapes:star.")


def groups(
    normal: Choice,
    suspects: Choice,
    limit: int = 0,
    fit_limit: int = 0,
    load: Load = data.load,
    splits: Callable[[str], Sequence[str]] = data.splits,
) -> Groups:
    """The images of a comparison; limits: of each group and of the images to fit to, 0 for all.

    The detector is fitted to the training split and measured on the test split; where a set has
    only one of them, each gets half of its images. Suspects of the same set are the other classes.
    DataError where a group would be empty or an image would be in both.
    """
    same = suspects.spec == normal.spec
    shared = set(normal.classes) & set(suspects.classes) if same else set()
    if same and (not normal.classes or shared):
        raise DataError(
            f"Normal and suspect images are both of `{normal.spec}`: choose one of its classes as "
            "normal and others as suspects, or another image set."
        )
    fit, measured = normal_images(normal, load, splits)
    if same and not suspects.classes:
        others = tuple(n for n in measured.class_names if n not in normal.classes)
        result = _measured_split(suspects.spec, load, splits)
        strange = _of_classes(result, others) if others else result.take(slice(0))
    else:
        strange = suspect_images(suspects, load, splits)
    if not len(strange):
        raise DataError(f"There are no suspect images in `{suspects.spec}`: choose another set.")
    return Groups(
        fit.sample(fit_limit) if fit_limit else fit,
        measured.sample(limit) if limit else measured,
        strange.sample(limit) if limit else strange,
    )


def normal_images(
    choice: Choice, load: Load = data.load, splits: Callable[[str], Sequence[str]] = data.splits
) -> tuple[ImageSet, ImageSet]:
    """(images to fit to, images to measure on) of a set or of some of its classes."""
    if choice.spec in GENERATED:
        raise DataError(f"`{choice.spec}` is for suspects only; choose an image set as normal.")
    existing = splits(choice.spec)
    if len(existing) == 2:
        return tuple(_of_classes(load(choice.spec, split), choice.classes) for split in existing)
    return halves(_of_classes(load(choice.spec, existing[0]), choice.classes))


def halves(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Two random halves, the same every time. DataError for fewer than two images."""
    if len(images) < 2:
        raise DataError(
            "There is only one image; at least two normal images are needed, one to fit to and one "
            "to measure on."
        )
    order = np.random.default_rng(0).permutation(len(images))
    middle = len(images) // 2
    return images.take(np.sort(order[:middle])), images.take(np.sort(order[middle:]))


def suspect_images(
    choice: Choice, load: Load = data.load, splits: Callable[[str], Sequence[str]] = data.splits
) -> ImageSet:
    """Images to be separated from normal ones: a set, some of its classes, or generated ones."""
    if choice.spec in GENERATED:
        return generated(choice.spec)
    return _of_classes(_measured_split(choice.spec, load, splits), choice.classes)


def _measured_split(spec: str, load: Load, splits: Callable[[str], Sequence[str]]) -> ImageSet:
    existing = splits(spec)
    return load(spec, "test" if "test" in existing else existing[0])


def _of_classes(images: ImageSet, classes: Sequence[str]) -> ImageSet:
    if not classes:
        return images
    unknown = [name for name in classes if name not in images.class_names]
    if unknown:
        shown = ", ".join(images.class_names[:20])
        raise DataError(f"`{images.name}` has no class `{unknown[0][:80]}`; it has: {shown}.")
    wanted = [images.class_names.index(name) for name in classes]
    chosen = np.flatnonzero(np.isin(images.labels, wanted))
    if not len(chosen):
        raise DataError(
            f"The {images.split} split of `{images.name}` has no image of {', '.join(classes)}: "
            "choose another class."
        )
    return images.take(chosen)


def generated(kind: str, count: int = GENERATED_COUNT) -> ImageSet:
    """Images of GENERATED, the same ones every time."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    else:
        images = np.stack([_checkerboard(rng) for _ in range(count)])
    labels, names = np.zeros(count, np.int64), (kind,)
    return ImageSet(images, labels, names, "test", kind, fingerprint(images, labels, names))


def _checkerboard(rng: np.random.Generator) -> np.ndarray:
    colors = rng.integers(0, 256, (2, 3), np.uint8)
    place = (np.arange(32) + rng.integers(0, 8)) // rng.integers(1, 9)
    return colors[(place[:, None] + place) % 2]
