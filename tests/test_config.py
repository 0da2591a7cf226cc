import json
import shlex

import pytest

from convae import __main__ as cli
from convae import flat_config
from convae.config import DataConfig, ModelConfig, TrainConfig, from_dict, from_json
from convae.errors import ConfigError
from convae.flat_config import from_flat, settings, to_flat


def test_json_goes_both_ways():
    config = from_flat({"spec": "digits", "latent_dim": 7, "loss": "bce", "learning_rate": 0.01})
    assert from_json(config.to_json()) == config
    assert config.data == DataConfig("digits") and config.model.latent_dim == 7


def test_flat_goes_both_ways():
    config = TrainConfig(model=ModelConfig("classic", 256), epochs=3)
    assert from_flat(to_flat(config)) == config


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        from_flat({"spec": "folder:my images", "flip": False, "nested_dropout": True, "shift": 4}),
        from_flat({"init_from": "cifar10-64", "learning_rate": 3e-5, "architecture": "classic"}),
    ],
)
def test_the_command_of_a_run_gives_its_settings(config):
    words = shlex.split(flat_config.command(config, "a"))
    assert words[:4] == ["python", "-m", "convae", "train"]
    asked = vars(cli.make_parser().parse_args(words[3:]))
    names = {f.name for f in settings()}
    given = {k: v for k, v in asked.items() if k in names and v is not None}
    assert from_flat(given) == config and asked["name"] == "a"


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ConfigError, match="Unknown setting `latent` in ModelConfig"):
        from_dict(TrainConfig, {"model": {"latent": 3}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent_dim": 1}, r"`latent_dim` \(=1\) must be between 2 and 1024 values"),
        ({"latent_dim": 2.5}, r"`latent_dim` \(=2.5\) must be of type int"),
        ({"latent_dim": True}, r"`latent_dim` \(=True\) must be of type int"),
        ({"learning_rate": float("nan")}, r"`learning_rate` \(=nan\) must be a finite number"),
        ({"architecture": "vae"}, "must be one of: residual, strided, classic"),
        ({"base_channels": 12}, r"`base_channels` \(=12\) must be a multiple of 8"),
        ({"encoder_channels": 12}, r"`encoder_channels` \(=12\) must be a multiple of 8"),
        ({"spec": ""}, "`spec` is empty"),
        ({"epochs": 10**5000}, "number of thousands of digits"),
        ({"loss": "x" * 5000}, r"\(='xxxxxxxxxxxx...xxxxxxxxxxxxx'\) must be one of"),
        ({"epochs": 0}, r"`epochs` \(=0\) must be between 1"),
    ],
)
def test_bad_values_are_named_with_what_is_possible(values, message):
    with pytest.raises(ConfigError, match=message):
        from_flat(values)


def test_whole_numbers_will_do_where_fractions_are_asked_for():
    assert from_flat({"learning_rate": 1}).learning_rate == 1.0


def test_every_setting_has_help_and_a_default_inside_its_range():
    for field in settings():
        assert field.metadata["help"].rstrip().endswith((".", ")")), field.name
    json.loads(TrainConfig().to_json())


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"epochs": "ten"}'])
def test_broken_json_is_one_sentence(text):
    with pytest.raises(ConfigError):
        from_json(text)


def test_settings_of_runs_are_told_apart():
    one, two = from_flat({"latent_dim": 4}), from_flat({"latent_dim": 8})
    apart, same = flat_config.compared({"a": one, "b": two})
    assert apart == {"latent_dim": {"a": 4, "b": 8}} and same["epochs"] == one.epochs
    assert len(apart) + len(same) == len(flat_config.settings())
    assert flat_config.compared({"a": one, "c": one})[0] == {}


def test_a_denoiser_does_not_refine_codes_toward_the_noise():
    with pytest.raises(ConfigError, match="refinement_steps.*noise_std"):
        TrainConfig(model=ModelConfig(refinement_steps=1), noise_std=0.1)


@pytest.mark.parametrize("old", [{"model": {"corrections": 3}}, {"model": {"refinement_steps": 3}}])
def test_settings_of_older_versions_are_read_under_their_present_name(old):
    assert from_dict(TrainConfig, old).model.refinement_steps == 3
    assert '"refinement_steps": 3' in from_dict(TrainConfig, old).to_json()
    assert "corrections" not in from_json(json.dumps(old)).to_json()


def test_an_old_name_in_flat_settings_counts_and_beside_the_new_one_is_refused():
    assert from_flat({"corrections": 2}).model.refinement_steps == 2
    with pytest.raises(ConfigError, match="Unknown setting `corrections`"):
        from_dict(ModelConfig, {"corrections": 2, "refinement_steps": 1})
