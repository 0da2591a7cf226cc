"""The layout of a folder of images: which split and class each file belongs to.

Layouts: `train/<class>/*` with an optional `test/` (or `val/`); `<class>/*`; or all images in one
place. Beside class folders, images without one are "unlabeled". Where there is no test split, a
tenth of the files (10,000 at most) is held out as one, of each class in proportion to its size:
those whose names come first in the order of their hashes, so that the choice does not depend on the
order in which they are read.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence

HOLD_OUT_SHARE, HOLD_OUT_MOST = 0.1, 10_000
ALL = "all"  # the class of images without class folders
UNLABELED = "unlabeled"  # beside images in class folders: the class of the others, always the last


def arrange(names: list[str]) -> tuple[dict[str, tuple[str, str]], tuple[str, ...]]:
    """The layout, from relative file names: ({name: (split, class)}, class names)."""
    parts = {name: [part for part in name.split("/") if part != "."] for name in names}
    while _has_wrapper(parts.values()):
        parts = {name: rest[1:] or rest for name, rest in parts.items()}
    tops = {rest[0] for rest in parts.values() if len(rest) > 1}
    if not tops & {"train", "test"}:
        placed = {name: ("", rest[0] if len(rest) > 1 else None) for name, rest in parts.items()}
    else:
        test = "test" if "test" in tops else "val"
        as_split = {"train": "train", test: "test"}
        placed = {
            name: (as_split[rest[0]], rest[1] if len(rest) > 2 else None)
            for name, rest in parts.items()
            if len(rest) > 1 and rest[0] in as_split
        }
    labels = {kind for _, kind in placed.values()}
    missing = UNLABELED if labels - {None} else ALL
    placed = {name: (split, kind or missing) for name, (split, kind) in placed.items()}
    if "test" not in {split for split, _ in placed.values()}:
        held_out = _hold_out({name: kind for name, (_, kind) in placed.items()})
        placed = {
            name: ("test" if name in held_out else "train", kind)
            for name, (_, kind) in placed.items()
        }
    found = {kind for _, kind in placed.values()}
    return placed, tuple(sorted(found, key=lambda kind: (kind == UNLABELED, kind)))


def _has_wrapper(all_parts: Collection[Sequence[str]]) -> bool:
    """Whether all folders are in one that is neither a split nor a class."""
    inside = [parts for parts in all_parts if len(parts) > 1]
    tops = {parts[0] for parts in inside}
    return (
        len(tops) == 1 and not tops & {"train", "test"} and all(len(parts) > 2 for parts in inside)
    )


def _hold_out(kinds: dict[str, str]) -> set[str]:
    """The names of the files that are held out, from name -> class."""
    if len(kinds) < 2:
        return set()
    sizes, before = Counter(kinds.values()), Counter[str]()
    share = {}  # of its class that comes before the middle of a file
    for name in sorted(kinds, key=order_key):
        kind = kinds[name]
        share[name] = (before[kind] + 0.5) / sizes[kind]
        before[kind] += 1
    count = min(HOLD_OUT_MOST, max(1, round(len(kinds) * HOLD_OUT_SHARE)))
    return set(sorted(share, key=share.__getitem__)[:count])


def order_key(name: str) -> bytes:
    """The hash of a file name, by which images are ordered and held out."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
