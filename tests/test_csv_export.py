"""CSV files: numbers in full, and nothing that a spreadsheet evaluates."""

import csv
import io
import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from convae.csv_export import to_csv
from convae.latent import interpolation
from convae.models import bundle
from convae.ui.latent_map.panels import csv_of

FORMULA = '=HYPERLINK("http://example.com","x")'


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_has_a_header_and_numbers_in_full():
    rows = [{"name": "a, b", "psnr": 0.1 + 0.2}, {"name": "c", "psnr": None}]
    assert to_csv(rows) == 'name,psnr\n"a, b",0.30000000000000004\nc,\n'
    assert to_csv([]) == ""


@pytest.mark.parametrize("text", [FORMULA, "+1+1", "@SUM(A1)", "-cat", "-1+2", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(text):
    assert cells(to_csv([{text: text}])) == [["'" + text.replace("\r", "\n")]] * 2


@pytest.mark.parametrize("value", [-1.5, "-1.5", "+2e-3", "cat", "a=b", ""])
def test_numbers_and_plain_text_stay_as_they_are(value):
    assert cells(to_csv([{"x": 0, "value": value}]))[1] == ["0", str(value)]


def test_every_csv_file_of_the_program_is_free_of_formulas(tiny_checkpoint):
    row = dict(epoch=1, step=1, train_loss=0.1, val_loss=0.1, val_psnr=10.0, elapsed_s=1.0)
    row = {"note": FORMULA} | row
    (tiny_checkpoint / "history.jsonl").write_text(json.dumps(row) + "\n")
    with zipfile.ZipFile(io.BytesIO(bundle.export("tiny"))) as archive:
        history = archive.read("history.csv").decode()
    view = SimpleNamespace(
        map=SimpleNamespace(points=np.array([[0.5, -1.25]])),
        images=SimpleNamespace(class_names=[FORMULA], labels=np.array([0])),
    )
    points = csv_of(view, np.array([0]))
    codes = interpolation.codes_csv({FORMULA: np.array([[-1.0]])}).decode()
    assert cells(history)[1][:2] == ["'" + FORMULA, "1"]
    assert cells(points)[1] == ["0", "'" + FORMULA, "0.5", "-1.25"]
    assert cells(codes)[1] == ["'" + FORMULA, "0", "-1"]
