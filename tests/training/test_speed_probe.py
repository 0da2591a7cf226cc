import time

import pytest

from convae import data
from convae.errors import ConvaeError
from convae.flat_config import from_flat
from convae.training import speed_probe, splits
from convae.training.speed_probe import start
from tests.support.waiting import wait_for

SMALL = {"architecture": "strided", "base_channels": 8, "latent_dim": 4, "batch_size": 8}


def test_a_probe_runs_beside_the_page_and_its_answer_is_kept():
    config = from_flat(SMALL)
    assert speed_probe.known(config) is None and start(config)
    assert not start(config), "one at a time"
    wait_for(lambda: speed_probe.known(config) is not None, 90)
    assert speed_probe.known(config) > 1
    assert speed_probe.known(from_flat(SMALL | {"epochs": 99})) == speed_probe.known(config)
    assert speed_probe.known(from_flat(SMALL | {"latent_dim": 8})) is None


def test_what_cannot_be_trained_is_refused_in_a_sentence():
    config = from_flat({"architecture": "classic", "base_channels": 128, "latent_dim": 1024})
    speed_probe.main(config.to_json())
    with pytest.raises(ConvaeError, match="more than 12,000,000"):
        speed_probe.known(config)


def test_the_speed_with_nested_dropout_is_measured_and_is_its_own():
    plain = SMALL | {"architecture": "residual"}
    config = from_flat(plain | {"nested_dropout": True})
    assert speed_probe.measure(config, 0.0) > 0
    speed_probe.main(config.to_json())
    assert speed_probe.known(config) > 0 and speed_probe.known(from_flat(plain)) is None


def test_only_what_is_out_of_memory_is_called_so(monkeypatch):
    config = from_flat(SMALL)
    for reason, words in [("out of memory", "smaller batch"), ("no kernel", "no kernel")]:

        def fail(config, reason=reason):
            raise RuntimeError(reason)

        monkeypatch.setattr(speed_probe, "measure", fail)
        speed_probe.main(config.to_json())
        with pytest.raises(ConvaeError, match=words):
            speed_probe.known(config)


def test_an_old_answer_is_measured_again(monkeypatch):
    config = from_flat(SMALL)
    monkeypatch.setattr(speed_probe, "measure", lambda config: 100.0)
    speed_probe.main(config.to_json())
    assert speed_probe.known(config) == 100.0
    later = time.time() + speed_probe.KEPT_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert speed_probe.known(config) is None


def test_the_forecast_of_the_form_includes_refinement_and_the_test_images():
    config = from_flat(SMALL | {"epochs": 10, "limit": 500})
    steps_s = 10 * 500 / 100.0
    each_s = 1 / 300  # a forward pass is a third of a training step
    expected = speed_probe.STARTUP_S + steps_s + each_s * (10 * (20 + 508) + 2000)
    assert speed_probe.estimate_s(config, 1000, 100.0, 2000) == pytest.approx(expected)
    fewer = speed_probe.estimate_s(config, 1000, 100.0, 0)
    assert expected - fewer == pytest.approx(2000 * each_s)
    refined = from_flat(SMALL | {"epochs": 10, "limit": 500, "refinement_steps": 3})
    gained = speed_probe.estimate_s(refined, 1000, 100.0, 2000) - expected
    assert gained == pytest.approx(4 * each_s * (10 * (20 + 508) + 2000))
    budget = from_flat(SMALL | {"time_budget_s": 60.0})
    longer = speed_probe.estimate_s(budget, 1000, 100.0, 2000)
    assert longer == pytest.approx(speed_probe.STARTUP_S + 60 + each_s * (20 + 508 + 2000))


@pytest.mark.parametrize("spec", ["digits", "photos"])
def test_the_sizes_known_by_heart_are_true(spec):
    kept, _ = splits.split_off_validation(data.load(spec, "train"))
    assert len(kept) == speed_probe.IMAGES[spec]
    assert len(data.load(spec, "test")) == speed_probe.TEST_IMAGES[spec]
