"""Everything Streamlit that pages share: the frame, the pickers, the caches, the pictures.

    starting       a line while the server loads PyTorch; imported first
    frame          page, menu, error_boundary, download, progress: what surrounds every page
    address        choices shared by all pages, in the session and in the URL
    query          checks the URL before any widget reads it; names of older versions
    pickers        pick_checkpoint, pick_rows, pick_one: widgets that all pages share
    model_cards    test figures and training data of each available model; the table of models
    image_sources  which image sets can be chosen for a model
    uploads        images that a visitor uploads, in the memory of the session
    own_images     the dialog that adds images, for the session or kept on this machine
    access         who may train, delete and add images
    cifar10_download  the download of CIFAR-10: button, progress, cancel
    caches         models, image sets, codes and PCAs, read-only and shared by all sessions
    real_codes     how far codes are from those of real images, the same on all pages
    tour           a tour of prepared views, and the presenter mode
    long_work      cached work with a progress bar
    charts         figures made once for the same content
    kept_texts     encoded images, kept in memory up to a size
    pictures       image_rows, large_image: enlarged images without smoothing
    glossary       the terms that pages use: tooltips, and a list on each page
    escape         names and messages made safe for markdown
    components/    parts drawn by JavaScript; one folder for each page: train/, reconstruct/, ...

A page calls ``ui.page(...)`` first, then picks, then shows. No algorithm lives here.
"""

from convae.ui import starting
from convae.ui.caches import Remembered, codes_of, image_set, load_checkpoint
from convae.ui.cifar10_download import offer_cifar10
from convae.ui.escape import plain
from convae.ui.frame import (
    end_of_page,
    error_boundary,
    figures,
    next_pages,
    page,
    section_links,
)
from convae.ui.glossary import caption
from convae.ui.model_cards import checkpoint_options, measured_on, models_table, provenance, psnr_of
from convae.ui.pickers import many_images, pick_checkpoint, pick_one, pick_rows, pick_set
from convae.ui.pictures import error_picture, image_rows, large_image
from convae.ui.tour import start as tour_start

__all__ = [
    "Remembered",
    "caption",
    "checkpoint_options",
    "codes_of",
    "end_of_page",
    "error_boundary",
    "error_picture",
    "figures",
    "image_rows",
    "image_set",
    "large_image",
    "load_checkpoint",
    "many_images",
    "measured_on",
    "models_table",
    "next_pages",
    "offer_cifar10",
    "page",
    "pick_checkpoint",
    "pick_one",
    "pick_rows",
    "pick_set",
    "plain",
    "provenance",
    "psnr_of",
    "section_links",
    "starting",
    "tour_start",
]
