"""A matplotlib figure as a PNG with alt text, shown in the notebook.

Alt text travels in the output's metadata, `metadata["image/png"]["alt"]`: nbconvert's `classic` template and VS Code
read it there. nbconvert's default template and JupyterLab (4.6) do not: `with_alt_text` writes it into exported
pages, and the text form of the output (text/plain) says the same words everywhere. HTML that carries the picture
would bring alt text to a running JupyterLab, but JupyterLab strips inline pictures from the HTML of a notebook
that it does not trust, and a notebook fresh from a download is one.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_utils.errors import CourseError
from course_utils.plots.png import compress
from course_utils.plots.style import PAPER, PIXELS_PER_INCH, SCALE, WIDTH


class ShownFigure(Figure):
    """A figure that has been shown already.

    A plotting call is often the last line of a cell, and the notebook would then show its result a second time.
    This one stays quiet in the cell that made it, and shows itself when a later cell names it.
    """

    shown_in: object = None
    alt: str = ""
    exact: bool = False  # it shows images, whose colours no palette may change

    def _ipython_display_(self) -> None:
        if self.shown_in != _current_cell():
            show(self, self.alt)


def _current_cell() -> object:
    """The running cell's execution count, or None outside IPython."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.execution_count


def new_figure(width: float, height: float) -> ShownFigure:
    """An empty figure of `width` by `height` CSS pixels that pyplot does not know (it would show it again)."""
    figure = ShownFigure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH)
    figure.set_facecolor(PAPER)
    FigureCanvasAgg(figure)
    return figure


def figure_png(figure: Figure) -> bytes:
    """The figure as PNG bytes, at `SCALE` device pixels for each CSS pixel."""
    exact = getattr(figure, "exact", False)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Tight layouts of a lesson's own figure may warn; the figure is drawn all the same.
        warnings.filterwarnings("ignore", message=".*(tight_layout|constrained_layout).*")
        look: Any = {"dpi": PIXELS_PER_INCH * SCALE, "facecolor": figure.get_facecolor()}
        figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 1}, **look)
    rgba = Image.open(buffer).convert("RGBA")
    paper = Image.new("RGBA", rgba.size, PAPER)  # under a figure whose background is see-through
    return compress(Image.alpha_composite(paper, rgba), exact=exact)


def image_output(png: bytes, alt: str, width: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata of a notebook output that shows `png` at `width` CSS pixels with alt text."""
    import base64

    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": f"Picture: {alt}"}
    return data, {"image/png": {"alt": alt, "width": width}, "alt": alt}


def show(figure: Figure, alt: str) -> None:
    """Show a figure in the notebook, as a PNG on opaque paper, with `alt` for those who do not see it.

    Args:
        figure: any matplotlib figure, from `plt.subplots` or elsewhere. pyplot forgets it afterwards, so that the
            notebook does not show it a second time.
        alt: what the figure shows, in a sentence or two: its message rather than its parts.
    """
    if not isinstance(figure, Figure):
        raise CourseError(
            f"plots.show wants a matplotlib figure, and this is a {type(figure).__name__}: "
            "pass the first of the two things that plt.subplots() returns."
        )
    if not isinstance(alt, str) or not alt.strip():
        raise CourseError("plots.show wants alt text: say in a sentence what the figure shows.")
    import matplotlib.pyplot as plt

    if isinstance(figure, ShownFigure):
        figure.alt, figure.shown_in = alt, _current_cell()
    elif plt.fignum_exists(getattr(figure, "number", -1)):
        plt.close(figure)
    if _current_cell() is None:
        return  # a script: there is no notebook to show it in
    from IPython.display import display

    width = min(WIDTH, round(figure.get_size_inches()[0] * PIXELS_PER_INCH))
    data, metadata = image_output(figure_png(figure), " ".join(alt.split()), width)
    display(data, metadata=metadata, raw=True)
