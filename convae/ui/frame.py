"""What surrounds every page: page settings, menu, progress of a training run, errors, downloads."""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from convae import files, runs
from convae.data import cifar10_job
from convae.errors import ConvaeError, os_sentence
from convae.process_state import give_memory_back, keep_one_blas_thread
from convae.runs import queue
from convae.ui import address, glossary, query, tour
from convae.ui.components import component
from convae.ui.escape import plain, sentence

ROOT = files.app_root()

# A page is listed as soon as its file exists. Native pages/ and not st.navigation: with
# st.navigation, a deep link as the first request of a process runs the page alone, with the wrong
# menu (Streamlit 1.67). tests/e2e/test_deep_link.py guards this.
MENU = {
    "Start": [("app.py", "Overview", ":material/home:", "what an autoencoder is")],
    "Build": [
        ("pages/train.py", "Train", ":material/model_training:", "train a model, with live charts"),
    ],
    "Explore": [
        ("pages/reconstruct.py", "Reconstruct", ":material/compare:", "what is kept, what is lost"),
        ("pages/interpolate.py", "Interpolate", ":material/gradient:", "from one image to another"),
        ("pages/latent_map.py", "Latent map", ":material/scatter_plot:", "all codes on one map"),
    ],
    "Apply": [
        ("pages/denoise.py", "Denoise", ":material/blur_off:", "restore corrupted images"),
        (
            "pages/anomalies.py",
            "Anomalies",
            ":material/search_insights:",
            "images unlike normal ones",
        ),
        ("pages/generate.py", "Generate", ":material/casino:", "new images from a prior"),
        ("pages/features.py", "Features", ":material/category:", "classes from codes"),
    ],
}
LABELS = {label for entries in MENU.values() for _, label, _, _ in entries}
OVERVIEW = "Overview"  # its title is not its label in the menu
TRAIN = "pages/train.py"
ICON = Path(__file__).with_name("icon.png")  # Streamlit loads material icons from the network
BRAND = '<div class="cv-brand">convae</div>'
STYLE = f"<style>{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}</style>"
PRESENTER = (
    f"<style>{Path(__file__).with_name('presenter.css').read_text(encoding='utf-8')}</style>"
)
SWITCH_S = 0.0005  # Python's default, 0.005, doubles the time of a page with 25 visitors
RUN_POLL_S = 5  # how often the sidebar reads the status of the active run


def page(title: str) -> None:
    """The first call of every page: page settings, menu, the active training run, title."""
    st.set_page_config(
        page_title=f"{title} - convae",
        page_icon=ICON,
        layout="wide",
    )
    address.enter(title)
    query.clean(title)
    _once_per_server()
    _freeze(len(sys.modules) // 250)
    st.html(STYLE)
    with st.container(key="history"):
        component("history")(key="page-history", height=1)
    with steady():
        if tour.presenting():
            st.html(PRESENTER)
    with steady():
        tour.bar(title if title in LABELS else OVERVIEW)
    _select_ended()
    with st.sidebar:
        _menu()
        with steady():
            _training()
    st.title(title, anchor=False)
    with steady():
        query.notes(title)


def end_of_page() -> None:
    """The last call of every page: its terms, and a look at what the address asked for in vain."""
    glossary.terms_on_page()
    query.note_ignored()


@st.cache_resource(show_spinner=False)
def _once_per_server() -> bool:
    """Start the download of CIFAR-10 if it is configured, go on with the queue of runs, keep BLAS
    to one thread, and let threads take turns more often.

    Streamlit 1.67 wakes its event loop for each of the 100 elements of a page; each time the thread
    of the script gives up the interpreter and waits up to a switch interval to get it back.
    """
    cifar10_job.start_if_configured()
    queue.ensure()  # runs that wait since before a restart of this machine
    keep_one_blas_thread()
    sys.setswitchinterval(SWITCH_S)
    return True


@st.cache_resource(show_spinner=False)
def _freeze(modules: int) -> bool:
    """Take the objects that exist now out of the garbage collection: with torch loaded a full one
    takes 0.3 s. Again after a lazy import of many modules, such as scikit-learn."""
    give_memory_back()
    gc.freeze()
    return True


def steady() -> DeltaGenerator:
    """A container for elements that are shown only sometimes, so that later widgets keep their
    position: in Streamlit 1.67 a widget that moves up stops updating its query parameter."""
    return st.container()


def _menu() -> None:
    choices = address.address(defaults=False)
    with st.container(key="menu", gap=None):
        st.html(BRAND)
        for section, section_entries in MENU.items():
            entries = [entry for entry in section_entries if (ROOT / entry[0]).is_file()]
            if entries:
                st.caption(section)
            for path, label, icon, _ in entries:
                link(path, label, icon, width="stretch", choices=choices)


def link(
    path: str,
    label: str,
    icon: str | None = None,
    *,
    width: str = "content",
    choices: Mapping[str, str] | None = None,
) -> None:
    """A link to another page that keeps the chosen model and images; choices: those of
    `address.address`, for one who draws many links."""
    if choices is None:
        choices = address.address(defaults=False)
    st.page_link(path, label=label, icon=icon, width=width, query_params=choices)


def next_pages() -> None:
    """Links to all pages, with a description each."""
    entries = [entry for section in MENU.values() for entry in section]
    choices = address.address(defaults=False)
    for path, label, icon, description in entries[1:]:
        if (ROOT / path).is_file():
            link(path, f"**{label}**: {description}", icon, choices=choices)


def section_links(section: str) -> None:
    """Links to the pages of one section of the menu, side by side."""
    with st.container(horizontal=True):
        for path, label, icon, _ in MENU[section]:
            if (ROOT / path).is_file():
                link(path, label, icon)


def follow(run: runs.Run) -> None:
    """Select the model of this run on every page as soon as the run ends."""
    st.session_state["followed"] = run.id


def _select_ended() -> None:
    """Select the model of a followed run that has ended; before the menu, whose links name it."""
    followed = st.session_state.get("followed")
    if followed is not None and not (run := runs.Run(runs.root() / followed)).locked():
        del st.session_state["followed"]
        if (run.path / "card.json").is_file() and not runs.is_shipped(followed):
            st.session_state["model-next"] = followed
            st.toast(
                f"{plain(followed)} is trained and now selected on every page.",
                icon=":material/check:",
            )


def _training() -> None:
    """Show the active run in the sidebar."""
    if runs.active() is not None:
        st.fragment(_training_now, run_every=RUN_POLL_S)()


def _training_now() -> None:
    run = runs.active()
    if run is None:  # it has ended: redraw, with its model in the list
        st.rerun()
    status = run.status()
    share = min(status.step / status.steps, 1.0) if status.steps else 0.0
    with st.container(key="training", gap="small"):
        words, icon = f"{share:.0%} trained", ":material/progress_activity:"
        if status.state == "paused":
            words, icon = f"paused at {share:.0%}", ":material/pause:"
        link(TRAIN, f"{plain(run.id)}: {words}", icon, width="stretch")
        st.progress(share)


def figures(values: Mapping[str, str], notes: Mapping[str, str] | None = None) -> None:
    """Metrics side by side, two per line on a phone: label -> value; notes: label -> tooltip, to
    which `glossary` adds the term that the label contains."""
    with st.container(horizontal=True, key=f"figures-{'-'.join(values)}"):
        for label, value in values.items():
            text = glossary.note(label, (notes or {}).get(label, "")) or ""
            st.metric(label, value, border=True, help=sentence(text) or None)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Show an error that the user can fix as one sentence, and end the page."""
    try:
        yield
    except (ConvaeError, OSError) as error:
        message = os_sentence(error) if isinstance(error, OSError) else str(error)
        st.error(sentence(message), icon=":material/error:")
        st.stop()


def download(
    label: str,
    content: bytes | str | Callable[[], bytes],
    file_name: str,
    mime: str,
    *,
    key: str | None = None,
) -> None:
    """A download button; a callable is called only when the button is pressed."""
    st.download_button(
        label,
        content,
        file_name,
        mime,
        key=key or f"download-{file_name}",
        on_click="ignore",
        icon=":material/download:",
    )


@contextmanager
def progress(text: str = "") -> Iterator[Callable[[int, int | None, str], None]]:
    """A progress bar for long work: yields a `report(done, total or None, what)` callback.

    Nothing is drawn in the first half second, so that quick work does not flicker. The time before
    a report without a total, such as one of waiting, does not count for the time left.
    """
    began, place, last = time.monotonic(), st.empty(), 0.0
    seen, waited = began, 0.0

    def report(done: int, total: int | None = None, what: str = "") -> None:
        nonlocal last, seen, waited
        now = time.monotonic()
        waited, seen = waited + (0.0 if total else now - seen), now
        if now - began < 0.5 or now - last < 0.1:
            return
        last = now
        message = text or what[:1].upper() + what[1:]
        if total:
            share = min(done / total, 1.0)
            left = (now - began - waited) * (1 - share) / max(share, 1e-6)
            place.progress(share, f"{message}: {share:.0%}, {left:.0f} s left")
        else:
            place.progress(0.0, f"{message}: {done:,}" if done else message)

    try:
        yield report
    finally:
        place.empty()
