"""Tables as CSV text. Every CSV file that leaves the program is written here."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\n")  # first characters that a spreadsheet evaluates


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV text: a header of all their keys, then numbers in full and text that no
    spreadsheet takes for a formula (an apostrophe is put before it). No rows: no text."""
    header = dict.fromkeys(key for row in rows for key in row)
    file = io.StringIO()
    if header:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([safe_cell(key) for key in header])
        writer.writerows([safe_cell(row.get(key)) for key in header] for row in rows)
    return file.getvalue()


def safe_cell(value: Any) -> Any:
    """The value of one cell: text that a spreadsheet would evaluate gets an apostrophe in front;
    numbers, also those written as text, stay as they are. Carriage returns become line feeds."""
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not isinstance(value, str) or not value.lstrip(" ").startswith(FORMULA) or _number(value):
        return value
    return "'" + value


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[0] not in "\t\n"
