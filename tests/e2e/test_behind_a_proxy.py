"""The app behind nginx, configured as docs/nginx.conf says: TLS, a login, a path prefix."""

import io
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from PIL import Image

from tests.support.browser_pages import assert_healthy
from tests.support.browsing import ROOT, free_port, serving, settle

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None, reason="needs nginx and openssl"
)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, tiny_weights):
    """The https address of the app behind nginx; the login is ada, lovelace."""
    home = tmp_path_factory.mktemp("proxy")
    folders = {f"CONVAE_{n}_DIR": str(home / n) for n in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}
    shutil.copytree(tiny_weights, home / "CHECKPOINTS" / "tiny")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", home / "convae.key", "-out", home / "convae.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "lovelace"], check=True, capture_output=True, text=True
    )
    (home / "convae.htpasswd").write_text(f"ada:{hashed.stdout}")
    port = free_port()
    with serving(folders, path="convae") as server:
        site = (ROOT / "docs" / "nginx.conf").read_text()
        site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        site = site.replace("convae.example.org", "localhost").replace("/etc/nginx", str(home))
        site = site.replace("http://127.0.0.1:8501", re.match(r"http://[^/]+", server.address)[0])
        config = home / "nginx.conf"
        temporary = " ".join(
            f"{kind}_temp_path {home}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        owner = "user root; " if os.geteuid() == 0 else ""  # its workers read this folder
        config.write_text(
            f"{owner}daemon off; pid {home}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {temporary}\n{site} }}"
        )
        subprocess.run([NGINX, "-t", "-c", config], check=True, capture_output=True)
        process = subprocess.Popen([NGINX, "-c", config], stderr=subprocess.DEVNULL)
        try:
            yield f"https://localhost:{port}/convae"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def page(browser, proxy):
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, ignore_https_errors=True,
        http_credentials={"username": "ada", "password": "lovelace"},
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(proxy)
    settle(page)
    yield page
    context.close()


def test_without_the_login_nothing_is_shown(browser, proxy):
    context = browser.new_context(ignore_https_errors=True)
    assert context.request.get(proxy).status == 401
    context.close()


def test_menu_pictures_and_uploads_work_under_the_prefix(page, proxy):
    lost = []

    def note(answer):
        # Streamlit looks for its server at every level of a deep address: those may be missing
        if answer.status >= 400 and "/_stcore/" not in answer.url:
            lost.append(answer.url)

    page.on("response", note)
    assert_healthy(page)
    page.get_by_role("link", name="Reconstruct").first.click()
    page.wait_for_url(re.compile(re.escape(proxy) + r"/reconstruct"))
    page.locator(".cv-tile").first.wait_for()
    settle(page)
    assert_healthy(page)
    page.goto(f"{proxy}/reconstruct?data=Your+images")
    page.locator('input[type="file"]').first.wait_for(state="attached")
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(picture, "PNG")
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "teal.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    )
    page.get_by_text("teal").first.wait_for()
    settle(page)
    assert_healthy(page)
    assert lost == []


def test_a_visitor_through_the_proxy_may_not_train(page, proxy):
    page.goto(f"{proxy}/train")
    page.get_by_text("Training is disabled on this server").wait_for()
    settle(page)
    assert page.get_by_role("button", name="Start", exact=True).count() == 0


def test_the_health_check_answers_under_the_prefix(tmp_path):
    with serving({}, path="convae") as server:
        with urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=10) as answer:
            assert answer.read() == b"ok"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(server.address.replace("/convae", "/elsewhere"), timeout=10)
