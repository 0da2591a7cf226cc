import io
import json
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from convae import __main__ as cli
from convae import data, flat_config, runs
from convae.data import cifar10, download, own_sets
from convae.errors import ConvaeError
from convae.evaluation import compare, shipped_pca
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.models.card import Card
from convae.training.reports import Requests

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--arch", "residual", "--base-channels", "8", "--latent-dim", "4", "--batch-size", "32",
         "--seed", "0", "--quiet"]  # fmt: skip


@pytest.fixture
def old_run():
    """A run `old` that has its settings only."""
    return runs.claim(from_flat({"spec": "shapes", "epochs": 1}), "old")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "convae", *arguments], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def training(tiny_data):
    """A process that trains the run `a` and has saved an epoch."""
    process = start("train", "--data", tiny_data, "--epochs", "9999", "--name", "a", *SMALL)
    deadline = time.monotonic() + 120
    while not (runs.root() / "a" / "state.pt").exists():
        assert time.monotonic() < deadline and process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process


def test_train_evaluate_list_export_and_load_the_whole_way(tiny_data, capsys, tmp_path):
    assert cli.main(["train", "--data", tiny_data, "--epochs", "2", "--name", "a", *SMALL]) == 0
    assert "a: done" in capsys.readouterr().out
    assert [row["epoch"] for row in runs.get("a").history()] == [1, 2]

    assert cli.main(["evaluate", "a", "--data", tiny_data, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 24 and found["latent_dim"] == 4
    assert found["psnr"] == pytest.approx(-10 * __import__("math").log10(found["mse"]), abs=1e-4)
    assert found["baselines"]["pca"]["psnr"] > 10 and -1 <= found["ssim"] <= 1
    assert found["images_per_s"] > 0
    card = checkpoints.load("a").card
    assert card.test["psnr"] == pytest.approx(found["psnr"])
    assert card.command.startswith("python -m convae train --data")

    assert cli.main(["evaluate", "a"]) == 0
    assert f"{found['psnr']:.2f}" in capsys.readouterr().out
    assert cli.main(["evaluate", "a", "--refinement-steps", "2", "--json"]) == 0
    careful = json.loads(capsys.readouterr().out)
    # how much refinement gains of a toy depends on rounding; that it is measured does not
    refined = checkpoints.load("a").with_refinement_steps(2)
    measured = compare.measure(refined, data.load(tiny_data, "test").images)
    assert careful["refinement_steps"] == 2 and careful["mse"] == measured["mse"]
    assert careful["first_guess"]["mse"] == found["mse"]
    assert cli.main(["evaluate", "a", "--refinement-steps", "9"]) == 1
    assert "between 0 and 8" in capsys.readouterr().err
    assert cli.main(["list", "--json"]) == 0
    assert [(r["name"], r["state"]) for r in json.loads(capsys.readouterr().out)] == [("a", "done")]
    assert cli.main(["export", "a", "--to", str(tmp_path / "a.zip")]) == 0
    assert (tmp_path / "a.zip").stat().st_size > 1000


def test_resume_goes_on_to_a_new_number_of_epochs(tiny_data, capsys):
    assert cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "a", *SMALL]) == 0
    assert cli.main(["resume", "a", "--epochs", "3", "--quiet"]) == 0
    assert [row["epoch"] for row in runs.get("a").history()] == [1, 2, 3]
    assert "complete before" not in capsys.readouterr().err
    assert cli.main(["resume", "a", "--quiet"]) == 0
    assert "It was complete before: --epochs trains it longer." in capsys.readouterr().err
    assert [row["epoch"] for row in runs.get("a").history()] == [1, 2, 3]


def test_the_card_names_the_whole_training_after_a_resume(tiny_data):
    new = [*SMALL, "--arch", "strided"]  # from random weights: later epochs are better
    assert cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "a", *new]) == 0
    assert cli.main(["resume", "a", "--epochs", "3", "--quiet"]) == 0
    card = Card.read(runs.get("a").path)
    assert card.training["epoch"] > 1
    assert card.command == flat_config.command(runs.get("a").config(), "a")


def test_a_model_that_starts_from_another_says_so(tiny_data, capsys):
    cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "a", *SMALL])
    more = ["--epochs", "1", "--learning-rate", "1e-6", "--init-from", "a", "--name", "b", *SMALL]
    assert cli.main(["train", "--data", tiny_data, *more]) == 0
    first, second = (checkpoints.load(name).card for name in "ab")
    assert second.started_from["command"] == first.command
    gain = second.metrics["val_psnr"] - first.metrics["val_psnr"]
    assert abs(gain) < 0.05  # it began where the other ended
    careful = [*more, "--refinement-steps", "1", "--name", "d"]
    assert cli.main(["train", "--data", tiny_data, *careful]) == 0
    wrong = [*more, "--base-channels", "16", "--name", "c"]
    assert cli.main(["train", "--data", tiny_data, *wrong]) == 1
    assert "holds" in capsys.readouterr().err


def test_a_set_kept_in_the_app_is_trained_on_and_measured(tiny_data, capsys):
    whole = data.load(tiny_data, "train")
    names = [f"{whole.class_names[label]}/{n}.png" for n, label in enumerate(whole.labels)]
    spec = own_sets.keep("mine", own_sets.arranged(whole.images, names))
    assert cli.main(["train", "--data", spec, "--epochs", "1", "--name", "a", *SMALL]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == spec
    assert cli.main(["train", "--data", "own:other", "--name", "b", *SMALL]) != 0
    assert "No set `other` is kept on this machine; kept are: mine" in capsys.readouterr().err


def test_pca_is_null_where_no_training_split_is_at_hand(tiny_data, capsys, tmp_path):
    import numpy as np

    cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "a", *SMALL])
    arrays = np.load(tiny_data.removeprefix("npz:"))
    alone = tmp_path / "alone.npz"
    np.savez(alone, test_images=arrays["test_images"])
    capsys.readouterr()
    assert cli.main(["evaluate", "a", "--data", f"npz:{alone}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["baselines"]["pca"]["psnr"] is None
    assert cli.main(["evaluate", "a", "--data", f"npz:{alone}"]) == 0
    assert "--fit-data" in capsys.readouterr().out
    fitted = ["evaluate", "a", "--data", f"npz:{alone}", "--fit-data", tiny_data, "--json"]
    assert cli.main(fitted) == 0
    assert json.loads(capsys.readouterr().out)["baselines"]["pca"]["psnr"] > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--data", "cifar11"], "cifar11"),
        (["train", "--latent-dim", "1"], "between 2 and 1024"),
        (["train", "--name", "No Way"], "cannot name a run"),
        (["train", "--data", "npz:/nowhere.npz", "--name", "b"], "nowhere"),
        (["resume", "nothing"], "There is no run `nothing`"),
        (["evaluate", "nothing"], "There is no checkpoint `nothing`"),
        (["export", "nothing"], "There is no checkpoint `nothing`"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(arguments, words, capsys):
    assert cli.main(arguments) == 1
    printed = capsys.readouterr().err
    assert words in printed and "Traceback" not in printed and printed.count("\n") == 1


def test_a_shipped_name_cannot_be_taken(tiny_data, capsys):
    (checkpoints.root() / "gem").mkdir(parents=True)
    (checkpoints.root() / "gem" / "card.json").write_text("{}")
    assert cli.main(["train", "--data", tiny_data, "--name", "gem", *SMALL]) == 1
    assert "shipped checkpoint" in capsys.readouterr().err


def test_killed_anywhere_and_resumed_equals_never_killed(tiny_data):
    asked = ["--data", tiny_data, "--epochs", "8", "--ema-decay", "0.9", "--noise-std", "0.1"]
    straight = start("train", "--name", "straight", *asked, *SMALL)
    killed = start("train", "--name", "killed", *asked, *SMALL)
    deadline = time.monotonic() + 120
    while not (runs.root() / "killed" / "state.pt").exists():
        assert time.monotonic() < deadline and killed.poll() is None, killed.stderr.read()
        time.sleep(0.01)
    time.sleep(0.02)  # into the second epoch, which takes longer
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL  # it was still training
    again = start("resume", "killed", "--quiet")
    for process in (straight, again):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    one, two = (runs.root() / name for name in ("straight", "killed"))
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    kept = [[{k: row[k] for k in ("epoch", "step", "val_psnr")} for row in runs.get(n).history()]
            for n in ("straight", "killed")]  # fmt: skip
    assert kept[0] == kept[1] and len(kept[0]) == 8


def test_sigterm_stops_a_run_and_delivers_the_model(tiny_data):
    process = training(tiny_data)
    began = time.monotonic()
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "a: stopped" in out and time.monotonic() - began < 10
    assert checkpoints.load("a").card.training["state"] == "stopped"


def test_ctrl_c_stops_a_run_and_tells_the_shell(tiny_data):
    process = training(tiny_data)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED and "a: stopped" in out
    assert checkpoints.load("a").card.training["state"] == "stopped"


def test_ctrl_c_before_the_first_step_leaves_no_run(tiny_data, monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("convae.training.session.TrainingSession.execute", interrupted)
    assert cli.main(["train", "--data", tiny_data, "--name", "a", *SMALL]) == cli.INTERRUPTED
    assert not (runs.root() / "a").exists()


def test_a_new_run_stopped_before_its_first_step_is_deleted(tiny_data, monkeypatch, capsys):
    stop = Requests(stop=True)
    monkeypatch.setattr("convae.training.loop.shared_requests", lambda trainer, requests: stop)
    assert cli.main(["train", "--data", tiny_data, "--name", "a", *SMALL]) == 0
    assert "before the first step. The run is deleted." in capsys.readouterr().out
    assert not (runs.root() / "a").exists()


def test_a_full_disk_is_named_and_the_last_epoch_stays_whole(tiny_data, monkeypatch, capsys):
    cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "a", *SMALL])
    before = checkpoints.load("a").sha256

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", full)
        patch.setattr(checkpoints, "state_bytes", full)
        assert cli.main(["resume", "a", "--epochs", "3", "--quiet"]) == 1
    assert "disk is full" in capsys.readouterr().err
    assert runs.get("a").status().state == "disk full" and checkpoints.load("a").sha256 == before
    assert cli.main(["resume", "a", "--quiet"]) == 0
    assert [row["epoch"] for row in runs.get("a").history()] == [1, 2, 3]


def test_out_of_memory_is_named(tiny_data, monkeypatch, capsys):
    from convae.training.trainer import Trainer

    def starve(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 99 bytes")

    monkeypatch.setattr(Trainer, "train_step", starve)
    assert cli.main(["train", "--data", tiny_data, "--name", "a", *SMALL]) == 1
    assert "Out of memory" in capsys.readouterr().err
    assert runs.get("a").status().state == "out of memory"


def test_divergence_keeps_the_last_finite_model(tiny_data, monkeypatch, capsys):
    from convae.training.trainer import Trainer

    train = ["train", "--data", tiny_data, "--schedule", "constant", *SMALL]
    assert cli.main([*train, "--name", "finite", "--epochs", "2"]) == 0
    step = Trainer.train_step

    def diverge(trainer, chosen):
        loss = step(trainer, chosen)
        if trainer.epoch == 2:
            for weight in trainer.model.parameters():
                weight.data.fill_(float("nan"))
        return loss

    monkeypatch.setattr(Trainer, "train_step", diverge)
    assert cli.main([*train, "--name", "a", "--epochs", "9"]) == 1
    assert "a: diverged" in capsys.readouterr().err
    assert [row["epoch"] for row in runs.get("a").history()] == [1, 2]
    kept, expected = (runs.get(name).path / "model.safetensors" for name in ("a", "finite"))
    assert kept.read_bytes() == expected.read_bytes()


def test_a_reader_that_has_seen_enough_is_no_error(tiny_checkpoint):
    command = [sys.executable, "-m", "convae", "list"]
    listing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    listing.stdout.close()
    assert listing.stderr.read() == b"" and listing.wait(60) == 0
    listing.stderr.close()


def test_help_names_every_setting(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for flag in ("--data", "--arch", "--latent-dim", "--no-flip", "--time-budget-s", "--ema-decay"):
        assert flag in printed


@pytest.mark.parametrize("port", ["0", "99999", "-1", "http"])
def test_a_port_that_is_none_is_refused_by_name(port, capsys):
    with pytest.raises(SystemExit):
        cli.main(["app", f"--port={port}"])
    assert f"'{port}' is not a port: choose 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["999.1.1.1", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_refused_by_name(address, capsys):
    with pytest.raises(SystemExit):
        cli.main(["app", "--address", address])
    assert f"'{address}' is not an address of this machine" in capsys.readouterr().err


def test_the_help_of_a_number_has_its_range(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 to 1,024 values; default: 128." in printed
    assert "whatever the number of epochs" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "--data", ""], "`--data`"),
        (["train", "--learning-rate", "0"], "`--learning-rate` (=0.0)"),
        (["train", "--base-channels", "13"], "`--base-channels` (=13)"),
        (["map", "tiny", "--n-neighbors", "1"], "`--n-neighbors` (=1)"),
        (["sweep", "--name", "a b", "--latent-dim", "2"], "`a b` cannot name a run"),
        (["resume", "tiny"], "`tiny` is a shipped model, not a run."),
        (["resume", "runs/a"], "`runs/a` is not the name of a run"),
    ],
)
def test_a_message_uses_the_words_of_the_command(words, sentence, capsys, tiny_checkpoint):
    assert cli.main(words) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--keep", "0"], ["--beside", "nobody"], ["--fit-data", "nowhere"]]
)
def test_evaluate_checks_its_arguments_before_it_loads_images(
    words, tiny_checkpoint, monkeypatch, capsys
):
    for module in (data, shipped_pca):
        monkeypatch.setattr(module, "load", None)  # fails if it is called
    assert cli.main(["evaluate", "tiny", "--data", "shapes", *words]) == 1
    assert capsys.readouterr().err.startswith("convae: ")


def test_an_error_ends_the_progress_bar_first(tiny_checkpoint, monkeypatch, capsys):
    def load(spec, split, progress):
        progress(1, 10, "drawing shapes")
        raise ConvaeError("No images.")

    monkeypatch.setattr(data, "load", load)
    assert cli.main(["evaluate", "tiny", "--data", "shapes"]) == 1
    assert capsys.readouterr().err.endswith("\nconvae: No images.\n")


def test_map_names_its_images_and_the_set_in_place_of_missing_ones(
    tiny_checkpoint, monkeypatch, capsys
):
    monkeypatch.setattr(
        "convae.models.default_set.default_set", lambda card, few: ("digits", "`digits` is used.")
    )
    monkeypatch.setattr("convae.projection.maps.LIMIT", 40)
    assert cli.main(["map", "tiny", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert "40 test images of digits" in printed.out and "`digits` is used." in printed.err


def test_one_of_a_thing_is_written_in_the_singular(tiny_checkpoint, tiny_data, capsys):
    limits = ["--data", tiny_data, "--bits", "1", "--keep", "1,2"]
    assert cli.main(["evaluate", str(tiny_checkpoint), *limits, "--refinement-steps", "1"]) == 0
    printed = capsys.readouterr().out
    assert "values of 1 bit, 1 refinement step\n" in printed
    assert "First 1 value: " in printed and "First 2 values: " in printed


@pytest.mark.parametrize("target", ["/dev/full", "nowhere/x.zip", "a" * 5000, ""])
def test_export_to_a_bad_path_is_one_sentence_and_replaces_regular_files_only(
    target, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVAE_CHECKPOINTS_DIR")
    (tmp_path / "cifar10-64.zip").mkdir()  # where no --to is given
    assert cli.main(["export", "cifar10-64", "--to", target]) == 1
    message = capsys.readouterr().err
    assert message.startswith("convae: ") and message.count("\n") == 1
    assert Path("/dev/full").is_char_device() and (tmp_path / "cifar10-64.zip").is_dir()
    assert [p.name for p in tmp_path.iterdir()] == ["cifar10-64.zip"]


@pytest.mark.parametrize("verb", [["train", "--data", "shapes", "--name", "x"], ["list"]])
def test_an_unusable_runs_folder_is_one_sentence(verb, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVAE_RUNS_DIR", str(tmp_path / "file" / "runs"))
    assert cli.main(verb) == (verb[0] == "train")
    message = capsys.readouterr().err
    assert ("Not a directory" in message) == (verb[0] == "train")
    assert message.count("\n") <= 1


def test_a_negative_limit_and_no_epochs_are_refused_by_name(capsys, tiny_data, monkeypatch):
    monkeypatch.delenv("CONVAE_CHECKPOINTS_DIR")
    assert cli.main(["evaluate", "cifar10-64", "--data", "digits", "--limit", "-5"]) == 1
    assert "`--limit` (=-5)" in capsys.readouterr().err
    assert cli.main(["train", "--data", tiny_data, "--epochs", "1", "--name", "z", *SMALL]) == 0
    capsys.readouterr()
    assert cli.main(["resume", "z", "--epochs", "0"]) == 1
    assert "epochs" in capsys.readouterr().err and runs.get("z").config().epochs == 1


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RANK": "garbage"}, "RANK (='garbage')"),
        ({"RANK": "-1"}, "RANK (='-1')"),
        ({"RANK": "3"}, "RANK (=3) must be below WORLD_SIZE (=1)"),
        ({"WORLD_SIZE": "1.5"}, "WORLD_SIZE (='1.5')"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE (='0')"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE (='999"),
        ({"TORCHELASTIC_RESTART_COUNT": "x"}, "TORCHELASTIC_RESTART_COUNT (='x')"),
    ],
)
@pytest.mark.parametrize("verb", ["train", "resume"])
def test_what_torchrun_never_sets_is_one_sentence(
    verb, variables, words, tiny_data, old_run, monkeypatch, capsys
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    name = ["old"] if verb == "resume" else ["--data", tiny_data, "--name", "new", *SMALL]
    assert cli.main([verb, *name]) == 1
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1 and len(message) < 400
    assert not (runs.root() / "new").exists()


@pytest.mark.parametrize("variable", ["RANK", "WORLD_SIZE"])
def test_a_process_with_a_damaged_environment_ends_with_one_sentence(
    variable, tiny_data, monkeypatch
):
    monkeypatch.setenv(variable, "garbage")
    process = start("train", "--data", tiny_data, "--name", "new", *SMALL)
    _, message = process.communicate(timeout=120)
    assert process.returncode == 1 and message.count("\n") == 1
    assert message.startswith(f"convae: {variable} (='garbage') must be a whole number")


LONG = "a" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--name", LONG],
        ["train", "--data", LONG],
        ["train", "--data", f"folder:{LONG}"],
        ["train", "--data", f"npz:{LONG}"],
        ["train", "--run", LONG],
        ["train", "--run", "/nonexistent"],
        ["resume", LONG],
        ["evaluate", LONG],
        ["evaluate", f"/{LONG}"],
    ],
)
def test_a_name_that_no_file_can_have_is_one_short_sentence(arguments, capsys):
    assert cli.main(arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith("convae: ") and message.count("\n") == 1 and len(message) < 500
    assert not list(runs.root().glob("*"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "garbage", "http://[", "http://a:b/x", "http://a b/x", LONG]
)
def test_an_address_that_is_none_is_one_sentence_at_once(url, monkeypatch, capsys):
    def wait(_):
        raise AssertionError("it was tried again")

    monkeypatch.setattr(download.time, "sleep", wait)
    monkeypatch.setenv("CONVAE_CIFAR10_URL", url)
    assert cli.main(["download", "--quiet"]) == 1
    message = capsys.readouterr().err
    assert "address" in message and message.count("\n") == 1 and len(message) < 600


def test_an_empty_address_means_the_usual_ones(monkeypatch):
    asked = []

    def fetch(urls, *_):
        asked.extend(urls)
        raise ConvaeError("no network")

    monkeypatch.setattr(download, "fetch", fetch)
    monkeypatch.setenv("CONVAE_CIFAR10_URL", "")
    assert cli.main(["download", "--quiet"]) == 1
    assert asked == list(cifar10.URLS)


def hostile_tar(path):
    member = tarfile.TarInfo("a.png")
    member.size = 2**63
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def zip_with_bad_names(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\u00e9\u00e9.png", b"x")
    path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xff\xfe"))


@pytest.mark.parametrize("write", [hostile_tar, zip_with_bad_names])
def test_an_archive_with_an_impossible_listing_is_one_sentence(write, tmp_path, capsys):
    write(tmp_path / "set")
    asked = ["train", "--data", f"folder:{tmp_path / 'set'}", "--name", "new", *SMALL]
    assert cli.main(asked) == 1
    message = capsys.readouterr().err
    assert "is damaged" in message and message.count("\n") == 1
    assert not (runs.root() / "new").exists()


def test_a_train_that_a_user_error_ends_before_its_first_epoch_leaves_no_run(tmp_path, capsys):
    np.savez(tmp_path / "two.npz", train_images=np.zeros((2, 32, 32, 3), np.uint8))
    asked = ["train", "--data", f"npz:{tmp_path / 'two.npz'}", "--name", "new", *SMALL]
    for _ in range(2):  # the name is free again
        assert cli.main(asked) == 1
        assert "too few" in capsys.readouterr().err
        assert not (runs.root() / "new").exists()


@pytest.mark.parametrize("count", [2, 12])
def test_encrypted_members_of_a_zip_are_counted_in_one_sentence(
    count, tmp_path, capsys, tiny_checkpoint
):
    from PIL import Image

    path, content = tmp_path / "set.zip", io.BytesIO()
    Image.new("RGB", (32, 32)).save(content, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.png", content.getvalue())
    packed, place = bytearray(path.read_bytes()), 0
    for _ in range(count):
        place = packed.index(b"PK\x01\x02", place) + 4
        packed[place + 4] |= 1  # the flag in the listing
    path.write_bytes(packed)
    if count == 12:
        asked = ["train", "--data", f"folder:{path}", "--name", "new", *SMALL]
        assert cli.main(asked) == 1
        assert "All 12 images" in (message := capsys.readouterr().err)
        assert "are encrypted" in message and message.count("\n") == 1
        return
    for _ in range(2):  # while it is read, and when it is kept already
        with pytest.warns(UserWarning, match="2 images of .* are encrypted and left out") as found:
            assert cli.main(["evaluate", "tiny", "--data", f"folder:{path}"]) == 0
        assert {str(each.message) for each in found} == {str(found[0].message)}


@pytest.mark.parametrize("flag", ["--refinement-steps", "--corrections"])
@pytest.mark.parametrize("command", [["train"], ["evaluate", "a"]])
def test_the_old_flag_of_refinement_steps_is_accepted(flag, command):
    assert cli.make_parser().parse_args([*command, flag, "3"]).refinement_steps == 3
