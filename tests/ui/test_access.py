"""Who may train: visitors on the same machine, everyone, nobody, or those who know the token."""

from types import SimpleNamespace

import pytest

from convae.ui import access
from tests.support.visiting import healthy, visit

REMOTE = SimpleNamespace(ip_address="203.0.113.9", headers={})
PROXIED = SimpleNamespace(ip_address=None, headers={"X-Forwarded-For": "203.0.113.9"})
LOCAL = SimpleNamespace(ip_address=None, headers={})
MAPPED = SimpleNamespace(ip_address="::ffff:127.0.0.1", headers={})
MAPPED_REMOTE = SimpleNamespace(ip_address="::ffff:203.0.113.9", headers={})
UNKNOWN = SimpleNamespace(ip_address="testclient", headers={})


@pytest.mark.parametrize(
    ("setting", "visitor", "allowed"),
    [
        ("", LOCAL, True),
        ("", MAPPED, True),
        ("", MAPPED_REMOTE, False),
        ("", UNKNOWN, False),
        ("", REMOTE, False),
        ("", PROXIED, False),
        ("on", REMOTE, True),
        ("on", PROXIED, True),
        ("off", LOCAL, False),
        ("off", REMOTE, False),
    ],
)
def test_training_is_allowed_to(monkeypatch, setting, visitor, allowed):
    monkeypatch.setenv("CONVAE_TRAINING", setting)
    monkeypatch.setattr(access.st, "context", visitor)
    monkeypatch.setattr(access.st, "session_state", {})
    assert access.may_train() is allowed


@pytest.fixture
def remote(monkeypatch):
    monkeypatch.delenv("CONVAE_TRAINING")
    monkeypatch.setattr(access, "is_local", lambda: False)


def test_the_token_unlocks_training_for_this_session_only(monkeypatch, remote, tiny_checkpoint):
    monkeypatch.setenv("CONVAE_ADMIN_TOKEN", "correct horse")
    app = healthy(visit("pages/train.py", **{"train-view": "New"}))
    assert "disabled on this server" in app.info[0].value
    assert not [button for button in app.button if button.key == "train-start"]
    app.text_input(key="admin-token").set_value("wrong").run()
    assert "not the token" in app.error[0].value
    app.text_input(key="admin-token").set_value("correct horse").run()
    assert healthy(app).button(key="train-start")
    other = healthy(visit("pages/train.py", **{"train-view": "New"}))
    assert not [button for button in other.button if button.key == "train-start"]


def test_a_remote_visitor_can_change_nothing_on_the_runs_view(remote, tiny_checkpoint):
    app = healthy(visit("pages/train.py", **{"train-view": "Runs"}))
    assert not app.file_uploader


def test_a_remote_visitor_without_runs_reads_why_nothing_can_be_trained(remote, tiny_checkpoint):
    app = healthy(visit("pages/train.py"))
    assert "disabled on this server" in app.info[0].value
    assert not any("Start one" in item.value or "Start" in item.value for item in app.markdown)
