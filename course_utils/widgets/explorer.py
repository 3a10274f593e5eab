"""The base of all explorers: named controls, a function that draws, one picture that follows."""

from __future__ import annotations

import html
import io
import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from course_utils.errors import CourseError
from course_utils.plots.output import compress, image_output
from course_utils.plots.style import WIDTH
from course_utils.widgets.page import helper
from course_utils.widgets.redraw import Redraw

State = SimpleNamespace
Picture = Any  # a PIL image, or numpy uint8 (H, W, 3) or (H, W)


class Explorer:
    """A picture with sliders. The last line of a cell shows it; so does `show()`.

    An explorer of your own is a function and its controls:

        def draw(state):                                 # state.w, state.seed, state.sampler
            x = sample(guide=state.w, seed=state.seed, sampler=state.sampler)
            return plots.to_uint8(x)[0].repeat(8, 0).repeat(8, 1)   # (H, W, 3) uint8, or a PIL image

        Explorer(
            draw,
            name="Guidance weight",
            alt="A flower drawn with the chosen guidance weight.",
            say=lambda state: f"Guidance weight {state.w:.1f}, {state.sampler}.",
            w=widgets.real(-2, 8, start=1, label="weight w"),
            seed=widgets.whole(0, 20, label="seed"),
            sampler=widgets.choice(["DDPM", "DDIM"], label="sampler"),
        )

    `draw` should take less than 50 ms: prepare what does not depend on the sliders before, and send no matplotlib
    figure. If it takes longer, positions that were passed meanwhile are skipped. If it fails, the explorer says why
    in one sentence and keeps the last good picture. All pictures have the size of the first.

    Args:
        draw: from the state (one attribute for each control) to a picture.
        name: what the explorer is called by a screen reader.
        alt: what the picture shows, whatever the position.
        say: from the state to a sentence, shown below the picture and read out when it changes. By default the
            controls and their values.
        width: CSS pixels of the picture's width; by default its own width, at most that of a figure.
        controls: made by `whole`, `real`, `choice` and `toggle`, in the order in which they are shown.

    Attributes:
        widgets: from a control's name to the ipywidgets control.
        seconds: for the last pictures, (seconds in `draw`, seconds of encoding).
    """

    def __init__(
        self,
        draw: Callable[[State], Picture],
        *,
        name: str = "Explorer",
        alt: str,
        say: Callable[[State], str] | None = None,
        width: int | None = None,
        **controls: Any,
    ) -> None:
        wrong = [key for key, control in controls.items() if not hasattr(control, "observe")]
        if wrong:
            raise CourseError(
                f"The control {wrong[0]!r} is a {type(controls[wrong[0]]).__name__}: make it with widgets.whole, "
                "widgets.real, widgets.choice or widgets.toggle."
            )
        self.name, self.alt = name, alt
        self._draw, self._say = draw, say or self._values_in_words
        self.widgets: dict[str, Any] = dict(controls)
        for key, control in self.widgets.items():
            control.description = control.description or key
            control.observe(self._on_change, names="value")
        self.seconds: deque[tuple[float, float]] = deque(maxlen=500)
        self.error = ""
        self._image = Image.new("RGB", (WIDTH, 300), "white")
        self._size: tuple[int, int] | None = None
        self._redraw = Redraw(self._update)
        self._width = width
        self._build()
        self._redraw.now()
        if self._size is None:  # there is no good picture to keep: an explorer without one is of no use
            raise CourseError(self.error)

    # ---- what a person does with it

    @property
    def state(self) -> State:
        """The controls' values now."""
        return SimpleNamespace(**{key: control.value for key, control in self.widgets.items()})

    def set(self, **values: Any) -> None:
        """Move controls from code, and draw at once: `explorer.set(t=300)`."""
        for key, value in values.items():
            if key not in self.widgets:
                raise CourseError(f"This explorer has no control {key!r}; it has {', '.join(self.widgets)}.")
            self.widgets[key].value = value
        self._redraw.catch_up()

    @property
    def image(self) -> Image.Image:
        """The picture for the present position (the last good one, if `draw` failed)."""
        self._redraw.catch_up()
        return self._image

    @property
    def says(self) -> str:
        """The sentence below the picture."""
        self._redraw.catch_up()
        return self._sentence

    @property
    def draws(self) -> int:
        """How many pictures were asked of `draw` so far."""
        return self._redraw.draws

    def show(self) -> None:
        """Show the explorer here."""
        from IPython.display import display

        display(self)

    def close(self) -> None:
        """Take the explorer off the page and let its memory go."""
        for widget in [*self.widgets.values(), self._picture, self._text, self._trouble, self._helper, self._box]:
            widget.close()

    # ---- how it is made

    def _build(self) -> None:
        fit = ipywidgets.Layout(max_width="100%", height="auto")
        self._picture = ipywidgets.Image(format="png", layout=fit)
        self._picture.add_class("course-picture")
        self._text = ipywidgets.HTML()
        self._text.add_class("course-says")
        self._trouble = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self._trouble.add_class("course-trouble")
        self._helper = ipywidgets.HTML(helper(self.name, self.alt), layout=ipywidgets.Layout(height="0", margin="0"))
        self._box = ipywidgets.VBox(
            [*self.widgets.values(), self._picture, self._text, self._trouble, self._helper],
            layout=ipywidgets.Layout(overflow="hidden", width="100%"),
        )
        self._box.add_class("course-explorer")

    def _on_change(self, _change: Any) -> None:
        self._redraw.ask()

    def _values_in_words(self, _state: State) -> str:
        return ", ".join(f"{w.description} {getattr(w, 'label', None) or w.value}" for w in self.widgets.values())

    def _update(self) -> None:
        """Draw for the present position and send the picture, or say what went wrong."""
        state = self.state
        try:
            start = time.perf_counter()
            image = as_image(self._draw(state))
            drawn = time.perf_counter()
            if self._size is not None and image.size != self._size:
                image = image.resize(self._size)
            png = fast_png(image)
            self.seconds.append((drawn - start, time.perf_counter() - drawn))
            sentence = self._say(state)
        except Exception as error:
            self._complain(error)
            return
        if self._size is None:
            self._size = image.size
            width = self._width or min(WIDTH, image.width)
            # Fixed before the first picture comes, so that the page does not jump.
            self._picture.width, self._picture.height = str(width), str(round(image.height * width / image.width))
        self._image, self._sentence, self.error = image, sentence, ""
        self._picture.value = png
        self._text.value = html.escape(sentence)
        if self._trouble.value:
            self._trouble.value, self._trouble.layout.display = "", "none"

    def _complain(self, error: Exception) -> None:
        """One sentence below the last good picture."""
        reason = " ".join(str(error).split()) or "no reason given"
        kind = "" if isinstance(error, CourseError) else f"{type(error).__name__}: "
        self.error = f"No picture for this position ({kind}{reason.rstrip('.')})."
        still = " The picture above is that of an earlier one." if self._size is not None else ""
        self._trouble.value = f"<b>{html.escape(self.error + still)}</b>"
        self._trouble.layout.display = None

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live explorer, and a still picture for places where no kernel runs."""
        words = f"{self.alt} {self.says}"
        width = int(self._picture.width)
        data, metadata = image_output(compress(self.image), words, width)
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        data["application/vnd.jupyter.widget-view+json"] = view
        return data, metadata


def as_image(picture: Picture) -> Image.Image:
    """What `draw` returned, as a PIL image in RGB."""
    if isinstance(picture, Image.Image):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        if picture.ndim == 3 and picture.shape[2] == 1:
            picture = picture[:, :, 0]
        if picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3):
            return Image.fromarray(picture).convert("RGB")
    what = f"{type(picture).__name__}" + (
        f" {picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else ""
    )
    raise CourseError(f"draw returned {what}: return a PIL image, or a numpy array uint8 (H, W, 3)")


def fast_png(image: Image.Image) -> bytes:
    """PNG bytes in a few milliseconds: compression matters less than time on the loopback interface."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
