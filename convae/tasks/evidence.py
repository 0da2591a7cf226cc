"""When a difference between two figures names a winner: one rule for all tasks.

There must be at least FEWEST test images, and the difference must be larger than two standard
errors.
"""

import numpy as np

FEWEST = 20  # test images


def standard_error(share: float, count: int) -> float:
    """Of a share in [0, 1] of `count` images. One success and one failure are added, so that it is
    not 0 for none or all of a few (Agresti and Caffo 2000, for differences of proportions)."""
    adjusted = (share * count + 1) / (count + 2)
    return float(np.sqrt(adjusted * (1 - adjusted) / (count + 2)))


def is_close(difference: float, error: float) -> bool:
    """Whether a difference of this standard error names no winner."""
    return abs(difference) <= 2 * error


def too_few(count: int, kind: str = "test") -> str:
    """A sentence where `count` images are too few to name a winner, else "". kind: of images."""
    if count >= FEWEST:
        return ""
    images = f"{kind} image is" if count == 1 else f"{kind} images are"
    return f"{count} {images} too few to name a winner: at least {FEWEST} are needed."
