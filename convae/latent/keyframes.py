"""Keyframes of an interpolation, as text that fits into an address.

`12,431,u1,g7,c3,m` are test images 12 and 431 (places in the test split), the first image that the
visitor uploaded, the code that a prior draws with seed 7, the mean code of class 3, and the mean of
all codes.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from convae.codec import Codec
from convae.data import ImageSet
from convae.latent import priors

MOST = 6
_FORM = re.compile(r"([ugcm]?)(\d{1,9})?")


class Keyframe(NamedTuple):
    """kind: "" a test image, u an upload (from 1), g generated (a seed), c a class, m the mean."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "m" else f"{self.kind}{self.number}"


class Known(NamedTuple):
    """What keyframes may name: test images, uploads, and the codes (N, d) of a sample of N test
    images, for means and for what is generated."""

    test: ImageSet
    uploads: np.ndarray
    sample: ImageSet
    codes: np.ndarray


def parse(text: str, known: Known, most: int = MOST) -> tuple[list[Keyframe], list[str]]:
    """Keyframes from their text, at most `most`, and a sentence for each that is left out."""
    result, problems = [], []
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    for word in words:
        keyframe = _keyframe(word)
        if keyframe is None:
            problems.append(
                f"`{_shown(word)}` is not a keyframe: give the number of a test image, u1 for "
                "your first image, g7 for a generated one, c3 for the mean of a class, or m."
            )
        elif reason := _missing(keyframe, known):
            problems.append(reason)
        elif len(result) == most:
            problems.append(f"{len(words)} keyframes were given; the first {most} are used.")
            break
        else:
            result.append(keyframe)
    return result, problems


def _shown(word: str) -> str:
    return re.sub(r"[^a-z0-9 .:_+-]", "?", word)[:20]


def _keyframe(word: str) -> Keyframe | None:
    match = _FORM.fullmatch(word)
    if not match or (match[2] is None) != (match[1] == "m"):
        return None
    return Keyframe(match[1], int(match[2] or 0))


def _missing(keyframe: Keyframe, known: Known) -> str | None:
    kind, number = keyframe
    if kind == "" and number >= len(known.test):
        return f"There is no test image {number}: they go from 0 to {len(known.test) - 1:,}."
    if kind == "u" and not 1 <= number <= len(known.uploads):
        return f"Your image {number} is not here: uploads stay in the session they were given in."
    if kind == "c" and not (known.sample.labels == number).any():
        return f"There is no class {number}: they go from 0 to {len(known.test.class_names) - 1}."
    return None


def text_of(keyframes: Sequence[Keyframe]) -> str:
    """What `parse` reads."""
    return ",".join(str(keyframe) for keyframe in keyframes)


def examples(test: ImageSet, count: int) -> list[Keyframe]:
    """`count` of the first test images, of different classes as far as there are."""
    _, first = np.unique(test.labels, return_index=True)
    order = np.concatenate([np.sort(first), np.setdiff1d(np.arange(min(len(test), 99)), first)])
    return [Keyframe("", int(place)) for place in np.resize(order, count)]


def example_terms(test: ImageSet) -> list[Keyframe]:
    """The initial A - B + C: the last class instead of the first, on an image of the first."""
    present = np.unique(test.labels)
    if len(present) < 2:
        return examples(test, 3)
    image = int(np.argmax(test.labels == present[0]))
    return [Keyframe("c", int(present[-1])), Keyframe("c", int(present[0])), Keyframe("", image)]


def named(keyframe: Keyframe, test: ImageSet) -> str:
    """The displayed name: `frog`, `your image 1`, `generated 7`, `mean frog`, `mean image`."""
    kind, number = keyframe
    if kind == "":
        labeled = len(test.class_names) > 1
        return test.class_names[test.labels[number]] if labeled else f"image {number}"
    if kind == "c":
        return f"mean {test.class_names[number]}"
    return {"u": f"your image {number}", "g": f"generated {number}", "m": "mean image"}[kind]


def sample_rows(keyframes: Sequence[Keyframe], known: Known) -> np.ndarray:
    """The rows in `known.sample` of those keyframes that are images of it, or equal uploads: int64
    (K,)."""
    rows = known.test.sample_rows(len(known.sample))  # sorted
    numbers = [keyframe.number for keyframe in keyframes if keyframe.kind == ""]
    given = [known.uploads[number - 1] for kind, number in keyframes if kind == "u"]
    equal = [any(np.array_equal(image, one) for one in given) for image in known.sample.images]
    return np.flatnonzero(np.isin(rows, numbers) | np.array(equal, bool))


def look_up(
    keyframes: Sequence[Keyframe],
    known: Known,
    checkpoint: Codec,
    prior: Callable[[], priors.Prior] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The images uint8 (K, 32, 32, 3) and the codes float32 (K, d) of keyframes that `parse` gave.

    A keyframe without an image (generated, means) shows its decoded code. prior: a function that
    gives the `latent.Prior` to draw from; a normal one around all codes where there is none.
    """
    codes = np.zeros((len(keyframes), checkpoint.config.latent_dim), np.float32)
    images = np.zeros((len(keyframes), 32, 32, 3), np.uint8)
    for place, (kind, number) in enumerate(keyframes):
        if kind == "":
            images[place] = known.test.images[number]
        elif kind == "u":
            images[place] = known.uploads[number - 1]
        elif kind == "g":
            drawn = prior() if prior else priors.fit_gaussian(known.codes)
            codes[place] = drawn.sample(1, number)[0]
        else:
            members = known.sample.labels == number if kind == "c" else slice(None)
            codes[place] = known.codes[members].mean(axis=0)
    seen = np.array([keyframe.kind in ("", "u") for keyframe in keyframes], bool)
    if seen.any():
        codes[seen] = checkpoint.encode(images[seen])
    if not seen.all():
        images[~seen] = checkpoint.decode(codes[~seen])
    return images, codes
