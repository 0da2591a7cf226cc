"""Forecasts from measured durations."""

import time

import pytest

from convae.projection import durations
from convae.projection.durations import Stopwatch, expected, left

KNOWN = {"start 1000": 20.0, "answer": 10.0}


def test_what_was_never_measured_has_no_forecast():
    assert left({}, ["answer"], 3) is None
    assert left(KNOWN, ["start 1000", "other"], 3) is None
    assert expected(KNOWN, "start 2000") == 20 and expected(KNOWN, "start 10000") is None


def test_a_forecast_adds_the_steps_to_come_and_counts_down():
    assert left(KNOWN, ["start 1000", "answer"], 0) == 30
    assert left(KNOWN, ["start 1000", "answer"], 15) == 15
    assert left(KNOWN, ["answer"], 12) == 0  # overrun: nothing is promised


def test_a_slow_step_slows_the_forecast_of_the_next():
    assert left(KNOWN, ["start 1000", "answer"], 60) == 30  # three times as slow: 3 x 10 s
    assert left(KNOWN, ["answer"], 5, pace=2) == 15


def test_a_stopwatch_keeps_what_it_measures_for_the_next_process(tmp_path):
    path = tmp_path / "durations.json"
    first = Stopwatch(path)
    first.begin("start 100", time.time() - 40)
    first.end()
    assert durations.read(path)["start 100"] == pytest.approx(40, abs=20) and first.pace == 1
    second = Stopwatch(path)
    second.begin("start 100", time.time() - 4 * durations.read(path)["start 100"])
    second.end()
    assert second.pace > 2


def test_a_damaged_file_is_no_forecast(tmp_path):
    path = tmp_path / "durations.json"
    path.write_text('{"a": "x", "b": -1, "c": NaN, "d": 2}')
    assert durations.read(path) == {"d": 2}
    path.write_text("[1")
    assert durations.read(path) == {}
