"""The digest in a card.json: a flipped bit anywhere in the file is noticed. No torch."""

import hashlib
import json

from convae.errors import CheckpointError
from convae.records import Row

FORMAT = 2  # of card.json; 2: with a digest. Cards without this key are read as format 1
WHITE = b" \t\r\n"  # what JSON calls white space


def digest(values: Row) -> str:
    """sha256 of the canonical JSON of a card, without its `digest`: sorted keys, no white space.

    ValueError where a number is not finite, RecursionError where values are nested too deeply.
    """
    rest = {key: value for key, value in values.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(values: Row) -> Row:
    """The content of a card.json with its `format` and its `digest`."""
    values = values | {"format": FORMAT}
    return values | {"digest": digest(values)}


def verify(values: Row, what: str = "The card", content: bytes | None = None) -> None:
    """CheckpointError where a card is not what its digest was made of, or lacks one that its
    format has. Cards of format 1 need none.

    content: the text that was parsed. Its numbers and escapes must be those that `json.dumps`
    writes: 1E-05 for 1e-05, or another last digit, may be the same value and is damage as well.
    """
    given, reason = values.get("format", 1), ""
    if "digest" not in values:
        if isinstance(given, int) and 2 <= given <= FORMAT:
            reason = f"format {given} needs a `digest`, which is missing"
    elif not _matches(values, content):
        reason = "its content does not match its digest"
    if reason:
        raise CheckpointError(
            f"{what} is damaged ({reason}): download the model again or restore card.json; if you "
            "edited it on purpose, remove `digest` and set `format` to 1."
        )


def _matches(values: Row, content: bytes | None) -> bool:
    try:
        if values["digest"] != digest(values):
            return False
    except (ValueError, RecursionError):
        return False
    if content is None:
        return True
    return content.translate(None, WHITE) == json.dumps(values).encode().translate(None, WHITE)
