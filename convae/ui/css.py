"""The rules for everything that is drawn with markup of our own, sent once a page."""

import streamlit as st

STYLE = """<style>
.cv { container-type: inline-size; margin: .25rem 0 .5rem; }
.cv-tile, .cv-image { image-rendering: pixelated; print-color-adjust: exact;
  box-shadow: 0 0 0 1px rgb(127 135 148 / 25%); }
.cv-tile { display: block; width: var(--tile); height: var(--tile); border-radius: 3px;
  background-repeat: no-repeat;
  background-size: calc(var(--w) * var(--tile)) calc(var(--h) * var(--tile));
  background-position: calc(var(--x) * var(--tile) * -1) calc(var(--y) * var(--tile) * -1); }
.cv-rows { --tile: min(var(--most), (100cqw - 6.5rem) / var(--n) - 6px);
  display: flex; flex-direction: column; gap: 16px; }
.cv-line { display: flex; gap: 6px; }
.cv-group { display: grid; gap: 3px 6px; align-items: center; align-content: start;
  grid-template-columns: auto repeat(var(--g), var(--tile)); }
.cv-group + .cv-group { grid-template-columns: repeat(var(--g), var(--tile)); }
.cv-group + .cv-group > .cv-label { display: none; }
.cv-label { width: 5.5rem; font-size: .8rem; line-height: 1.15; opacity: .75; text-align: right;
  padding-right: .25rem; }
.cv-caption { font-size: .75rem; line-height: 1.2; opacity: .75; text-align: center;
  align-self: start; overflow-wrap: anywhere; white-space: pre-line;
  font-variant-numeric: tabular-nums; }
@container (max-width: 640px) {
  .cv-rows { --tile: min(var(--most), (100cqw - 1.3rem) / var(--g) - 6px); }
  .cv-line { flex-direction: column; gap: 14px; }
  .cv-group + .cv-group { grid-template-columns: auto repeat(var(--g), var(--tile)); }
  .cv-group + .cv-group > .cv-label { display: block; }
  .cv-label { writing-mode: vertical-rl; rotate: 180deg; width: 1rem; padding: 0;
    text-align: center; font-size: .7rem; max-height: var(--tile); overflow: hidden; }
}
.cv-image { display: block; width: min(100%, var(--side)); height: auto; border-radius: 6px; }
.cv figure { margin: 0; }
.cv figcaption { font-size: .85rem; line-height: 1.35; opacity: .8; margin-top: .4rem; }
.cv-journey { --high: min(17.5rem, 34cqw); display: flex; justify-content: center; gap: 1.4rem; }
.cv-journey figure { text-align: center; }
.cv-journey .cv-image { height: var(--high); width: auto; margin: 0 auto; }
.cv-journey figcaption { margin-top: .3rem; }
.cv-symbol { display: block; white-space: nowrap;
  font: italic 1.3rem/1.4 "STIX Two Text", Georgia, "Times New Roman", serif; }
.cv-arrow { height: var(--high); display: flex; flex-direction: column; justify-content: center;
  text-align: center; font-size: .85rem; line-height: 1.3; opacity: .8; }
.cv-arrow s { text-decoration: none; font-size: 1.7rem; line-height: 1; }
@container (max-width: 640px) {
  .cv-journey { gap: .4rem; --high: 27cqw; justify-content: space-between; }
  .cv-journey figcaption { font-size: .72rem; }
  .cv-arrow { font-size: .65rem; }
  .cv-symbol { font-size: 1rem; } .cv-arrow s { font-size: 1.1rem; }
}
.cv-brand { display: flex; align-items: center; gap: .5rem; font-weight: 700; font-size: 1.25rem; }
.cv-brand::before { content: ""; width: 1.4rem; height: 1.4rem; background: currentColor;
  mask: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
%3Cpath d='M2 2 L11 9 V15 L2 22Z M22 2 L13 9 V15 L22 22Z'/%3E%3C/svg%3E") center / contain; }
[class*="st-key-figures"] > div { flex: 1 1 9rem; }
@media (max-width: 640px) { .katex-display { font-size: .82em; } }
.st-key-menu { gap: .3rem; }
.st-key-menu [data-testid="stPageLink"] a { padding-block: .28rem; }
.st-key-menu [data-testid="stCaptionContainer"] { margin: .5rem 0 0; }
.st-key-menu [data-testid="stCaptionContainer"] p { margin-bottom: .1rem; }
[class*="st-key-thumbs"] button { padding: 3px; height: auto; min-height: 0; border-radius: 9px; }
[class*="st-key-thumbs"] button img { width: 44px; height: 44px; max-height: none; margin: 0;
  border-radius: 5px; image-rendering: pixelated; display: block; object-fit: fill; }
@supports (width: round(down, 1px, 1px)) {  /* whole pixels: no seam of the tile next door */
  .cv-rows { --tile: round(down, min(var(--most), (100cqw - 6.5rem) / var(--n) - 6px), 4px); }
  @container (max-width: 640px) {
    .cv-rows { --tile: round(down, min(var(--most), (100cqw - 1.3rem) / var(--g) - 6px), 4px); }
  }
}
</style>"""


def style() -> None:
    """The rules for everything below; `page` calls it once a page."""
    st.html(STYLE)
