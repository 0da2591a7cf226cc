"""An SVG drawing as part of the page, in its colors. `st.html` removes SVG (Streamlit 1.67), and
`st.image` shows it as a picture, without colors of the theme and without hover."""

from convae.ui.components import component


def inline_svg(markup: str, *, key: str) -> None:
    """Draw this SVG; texts in it must be escaped. currentColor is the text color of the theme."""
    component("inline_svg")(data=markup, key=key)
