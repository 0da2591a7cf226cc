"""The content of the files of a run, each value of the right type.

Damaged lines and values are left out, so that code that shows a run needs no checks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from convae.errors import ConvaeError

Row = dict[str, Any]
# marks that change the direction of a text: with them "gnp.exe" can be shown as "exe.png"
DIRECTION = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
                          "\ufffd")  # fmt: skip
LONGEST = 1000  # characters of a text that is shown
EPOCH = {"epoch": int, "step": int, "train_loss": float, "val_loss": float, "val_psnr": float,
         "elapsed_s": float}  # fmt: skip
EPOCH_EXTRAS = {"learning_rate": float, "images_per_s": float, "memory_mb": float,
                "val_noise": float, "train_kl": float}  # fmt: skip
EVENT = {"epoch": int, "step": int, "what": str}


def is_newer(values: Mapping[str, Any], newest: int) -> bool:
    """Whether the `format` of a file is unknown; files without one are of the first format."""
    result = values.get("format", 1)
    return not (isinstance(result, int) and result <= newest)


def check_format(
    values: Mapping[str, Any], newest: int, file: str, error: type[ConvaeError]
) -> None:
    """Raise `error` where a newer convae wrote this file; file: its name, for the message."""
    if is_newer(values, newest):
        raise error(
            f"{file[:100]} has format {str(values['format'])[:40]}, this version of convae reads "
            f"formats up to {newest}: a newer version wrote it; update convae to use it."
        )


def value(given: Any, kind: type) -> Any:
    """`given` if it is of this kind (int, float, str, bool or dict), else None.

    Numbers are finite, a float may be written as an integer; texts can be encoded
    and keep no mark of direction.
    """
    if kind in (int, float):
        number = isinstance(given, int if kind is int else int | float)
        if not number or isinstance(given, bool) or abs(given) > 1e15 or not math.isfinite(given):
            return None
    elif not isinstance(given, kind):
        return None
    if kind is str:
        return given[:LONGEST].encode(errors="replace").decode().translate(DIRECTION)
    return given


def typed(given: Any, kinds: Mapping[str, type]) -> Row:
    """Those of the values that `kinds` names and that are of its kind; {} if it is no object."""
    given = given if isinstance(given, dict) else {}
    values = {key: value(given.get(key), kind) for key, kind in kinds.items()}
    return {key: item for key, item in values.items() if item is not None}


def of_class(given: Any, kind: type) -> Row:
    """As `typed`, by the annotations of a dataclass."""
    return typed(given, {f.name: f.type for f in fields(kind)})


def history(rows: Sequence[Row]) -> list[Row]:
    """The epochs among these rows: each has every key of EPOCH; damaged ones are left out."""
    return [row for row in (_whole(r, EPOCH, EPOCH_EXTRAS) for r in rows) if row]


def val_noise(history: Sequence[Mapping[str, Any]]) -> float:
    """Standard deviation of the noise on the validation input of the last epoch; 0: none."""
    return (history[-1].get("val_noise") or 0.0) if history else 0.0


def comparable(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The epochs validated as the last one was: a denoiser that an older version began has epochs
    without noise on the validation input, whose PSNR is another figure."""
    noise = val_noise(history)
    return [row for row in history if (row.get("val_noise") or 0.0) == noise]


def psnr_name(noise: float) -> str:
    """What a validation PSNR is called, by the noise on its input."""
    return f"denoising PSNR at noise {noise:g}" if noise else "PSNR"


def psnr_title(noise: float) -> str:
    """The same with a capital letter, for an axis or the beginning of a sentence."""
    name = psnr_name(noise)
    return name[0].upper() + name[1:]


def events(rows: Sequence[Row]) -> list[Row]:
    """The events among these rows: each has every key of EVENT; damaged ones are left out."""
    return [row for row in (_whole(r, EVENT, {}) for r in rows) if row]


def rate_changes(rows: Sequence[Row]) -> str:
    """Learning rates that were asked for while a run trained, from its events, in their order:
    "0.0005 (epoch 3), as scheduled (epoch 5)"; "" where there are none."""
    start = "learning rate "
    return ", ".join(
        f"{row['what'].removeprefix(start)} (epoch {row['epoch']})"
        for row in rows
        if row["what"].startswith(start)
    )


def _whole(row: Row, needed: Mapping[str, type], extras: Mapping[str, type]) -> Row | None:
    kinds = {**needed, **extras}
    good = typed(row, kinds)
    if not set(needed) <= set(good):
        return None
    return {key: good.get(key, row[key]) for key in row if key in good or key not in kinds}


def card(given: Row) -> Row:
    """A card whose parts are of the right type: `metrics`, its `test`, `training` and `data` are
    objects, their figures numbers or absent, `classes` a list of names. The `images` of `test` are
    the name of its set. Other keys stay."""
    result = dict(given)
    for part in ("metrics", "training", "data"):
        result[part] = dict(value(given.get(part), dict) or {})
    metrics, training, data = result["metrics"], result["training"], result["data"]
    test = value(metrics.get("test"), dict) or {}
    kinds = {key: str if key == "images" else float for key in test}
    metrics |= {"test": typed(test, kinds) or None}
    _keep_numbers(metrics, "val_psnr", "val_loss", "val_noise")
    _keep_numbers(training, "epoch", "step", "elapsed_s")
    _keep_numbers(data, "images")
    _keep_numbers(result, "parameters")
    for part in ("versions", "started_from"):
        result[part] = value(given.get(part), dict)
    for where, key in ((data, "name"), (data, "fingerprint"), (result, "machine"),
                       (result, "command"), (result, "created"), (result, "sha256"),
                       (result, "name"), (result, "weights"), (result, "precision")):  # fmt: skip
        if key in where and value(where[key], str) is None:
            del where[key]
    classes = value(given.get("classes"), list) or []
    result["classes"] = [name for name in (value(c, str) for c in classes) if name is not None]
    return result


def _keep_numbers(part: Row, *keys: str) -> None:
    for key in keys:
        if key in part and value(part[key], float) is None:
            part[key] = None
