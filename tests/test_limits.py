import pytest

from convae import limits
from convae.errors import ConfigError, RunError
from convae.flat_config import from_flat


def test_nothing_is_capped_on_a_machine_of_ones_own():
    config = from_flat({"epochs": 9999})
    assert limits.capped(config) == (config, []) and limits.training_allowed()
    assert not limits.out_of_time(1e9)
    limits.check_allowed()
    limits.check_room(10_000)


@pytest.mark.parametrize(("asked", "given"), [(0, 500), (501, 500), (500, 500), (20, 20)])
def test_a_host_caps_epochs_and_images_and_says_so(monkeypatch, asked, given):
    monkeypatch.setenv("CONVAE_MAX_EPOCHS", "3")
    monkeypatch.setenv("CONVAE_MAX_IMAGES", "500")
    config, notes = limits.capped(from_flat({"epochs": 10, "limit": asked}))
    assert (config.epochs, config.data.limit) == (3, given)
    assert "at most 3 epochs, not 10" in notes[0] and len(notes) == 1 + (asked != given)


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no"])
def test_training_can_be_switched_off(monkeypatch, word):
    monkeypatch.setenv("CONVAE_TRAINING", word)
    with pytest.raises(RunError, match="to upload a model, run convae on your own machine"):
        limits.check_allowed("upload a model")


def test_time_and_room_are_limited(monkeypatch):
    monkeypatch.setenv("CONVAE_MAX_MINUTES", "2")
    monkeypatch.setenv("CONVAE_MAX_RUNS", "5")
    assert limits.out_of_time(121) and not limits.out_of_time(119)
    assert "after 2 minutes" in limits.capped(from_flat({}))[1][0]
    with pytest.raises(RunError, match="at most 5 runs"):
        limits.check_room(5)


def test_a_limit_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("CONVAE_MAX_EPOCHS", "many")
    with pytest.raises(ConfigError, match="CONVAE_MAX_EPOCHS"):
        limits.capped(from_flat({}))


def test_a_umap_takes_ten_minutes_unless_another_limit_is_set(monkeypatch):
    assert limits.umap_minutes() == 10
    monkeypatch.setenv("CONVAE_MAX_UMAP_MINUTES", "2.5")
    assert limits.umap_minutes() == 2.5


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "ten", "1e9"])
def test_a_limit_of_a_umap_that_is_no_time_is_named(monkeypatch, wrong):
    monkeypatch.setenv("CONVAE_MAX_UMAP_MINUTES", wrong)
    with pytest.raises(ConfigError, match="CONVAE_MAX_UMAP_MINUTES.*above 0"):
        limits.umap_minutes()
