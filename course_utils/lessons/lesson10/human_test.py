"""A blind test: two pictures side by side, one real and one generated, and somebody who says which is which."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import ipywidgets
import torch
from scipy.stats import binomtest
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.plots.images import to_uint8
from course_utils.plots.output import compress, image_output
from course_utils.plots.style import GREEN, RULE, SOFT_INK, VERMILLION
from course_utils.widgets.brush import Brush
from course_utils.widgets.explorer import fast_png
from course_utils.widgets.page import PIXEL

SCALE = 1.5
SIDE, GAP, LEFT, TOP = 208, 40, 20, 34  # CSS pixels
SMALL, ROW = 56, 10  # the pairs as they are shown at the end: side, and how many stand in a row
SIDES = ("left", "right")

#: On the page: names for screen readers, and 1, 2 and the arrows press the two buttons, wherever the focus is inside.
#: (`page.helper` does the same for explorers, which have sliders and are looked for by their class.)
SCRIPT = """
const root = this.closest('.course-test');
if (root && !root.hasAttribute('data-lm-suppress-shortcuts')) {
  const set = (node, values) => { if (node) Object.entries(values).forEach(([k, v]) => node.setAttribute(k, v)); };
  set(root, { role: 'group', 'aria-label': 'Blind test', 'data-lm-suppress-shortcuts': 'true' });
  set(root.querySelector('img.course-picture, .course-picture img'), { alt: this.dataset.alt });
  set(root.querySelector('.course-says'), { role: 'status', 'aria-live': 'polite' });
  root.addEventListener('keydown', (event) => {
    const place = { ArrowLeft: 0, 1: 0, ArrowRight: 1, 2: 1 }[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const button = root.querySelectorAll('button.course-answer')[place];
    if (!button || button.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    button.focus();
    button.click();
  }, true);
}
"""


@dataclass(frozen=True)
class HumanResult:
    """What came out of a blind test so far.

    Attributes:
        answered: how many pairs were answered.
        right: how many of them rightly.
        pairs: how many there are.
        low, high: Wilson's 95 % interval for the share of right answers; 0 and 1 before the first.
    """

    answered: int
    right: int
    pairs: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of the answers, the share that was right; a coin would have 0.5. nan before the first answer."""
        return self.right / self.answered if self.answered else float("nan")

    def __str__(self) -> str:
        if not self.answered:
            return f"Nobody has answered yet: {self.pairs} pairs wait."
        counted = (
            f"{self.right} of {self.answered} right, a share of {self.share:.2f}, 95 % interval {self.low:.2f} to "
            f"{self.high:.2f}; guessing gives 0.50"
        )
        if self.answered < self.pairs:
            return f"{counted}. {self.pairs - self.answered} of {self.pairs} pairs are left."
        if self.low > 0.5:
            return f"{counted}, which lies below: you can tell them apart."
        if self.high < 0.5:
            return f"{counted}, which lies above: you can tell them apart, and take the generated ones for real."
        return f"{counted}, which lies inside: from these answers nobody can say that you tell them apart."

    __repr__ = __str__


class HumanTest:
    """Pairs of pictures, one real and one generated, in random order on random sides. Which is real?

    Answer with the two buttons, or with the keys 1 and 2, or the left and right arrow, once the focus is inside (click
    there, or reach a button with Tab). Nothing is revealed before the last answer, so that nobody learns on the way;
    then all pairs are shown with what was said. Each answer is written into the notebook below the test and is saved
    with it. `result` gives it as numbers.

    Args:
        real, fake: images (N, C, H, W) in [-1, 1]; of each, the first `pairs` are shown.
        pairs: how many, at least 1; by default as many as there are, at most 20.
        seed: of the sides and of the order.

    Raises:
        CourseError: sets of different shapes, or fewer images than pairs.
    """

    def __init__(self, real: Tensor, fake: Tensor, *, pairs: int | None = None, seed: int = 0) -> None:
        if real.ndim != 4 or real.shape[1:] != fake.shape[1:]:
            raise CourseError(
                f"A pair is of two pictures of one size: give two sets (N, C, H, W), not {tuple(real.shape)} and "
                f"{tuple(fake.shape)}."
            )
        fewest = min(len(real), len(fake))
        pairs = min(20, fewest) if pairs is None else pairs
        if not 1 <= pairs <= fewest:
            raise CourseError(f"There are {fewest} pairs of pictures: ask for 1 to {fewest} of them, not {pairs}.")
        generator = torch.Generator().manual_seed(seed)
        orders = [torch.randperm(pairs, generator=generator) for _ in range(2)]
        self._real, self._fake = (to_uint8(x[order]) for x, order in zip((real, fake), orders, strict=True))
        self._sides = torch.randint(2, (pairs,), generator=generator).tolist()  # where the real one is
        self._said: list[int] = []
        self._kept: Any = None
        self._build()
        self._update()

    # ---- what a person does with it

    @property
    def result(self) -> HumanResult:
        """What came out so far."""
        right = sum(said == side for said, side in zip(self._said, self._sides, strict=False))
        low, high = 0.0, 1.0  # before the first answer nothing is known
        if self._said:
            low, high = binomtest(right, len(self._said)).proportion_ci(method="wilson")
        return HumanResult(len(self._said), right, len(self._sides), low, high)

    @property
    def done(self) -> bool:
        return len(self._said) == len(self._sides)

    def answer(self, side: str) -> None:
        """Say from code that the picture on the "left" or on the "right" is real; what the buttons do.

        Raises:
            CourseError: another word, or all pairs are answered.
        """
        if side not in SIDES:
            raise CourseError(f"The real picture is on the 'left' or on the 'right', not {side!r}.")
        if self.done:
            raise CourseError("All pairs are answered: press 'Again' for new sides, or look at `result`.")
        self._said.append(SIDES.index(side))
        self._update()

    def again(self) -> None:
        """Forget the answers, and put the pictures on new sides."""
        generator = torch.Generator().manual_seed(1 + sum(2**k * side for k, side in enumerate(self._sides[:40])))
        self._sides = torch.randint(2, (len(self._sides),), generator=generator).tolist()
        self._said = []
        self._update()

    # ---- how it is made

    def _build(self) -> None:
        alt = "Two pictures side by side. One of them is real, the other was made by the model."
        self._alt = alt
        self._picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%", height="auto"))
        self._picture.add_class("course-picture")
        look = ipywidgets.Layout(width="180px")
        self.buttons = {
            "left": ipywidgets.Button(description="1 · left is real", tooltip="Key 1 or left arrow", layout=look),
            "right": ipywidgets.Button(description="2 · right is real", tooltip="Key 2 or right arrow", layout=look),
        }
        for side, button in self.buttons.items():
            button.add_class("course-answer")
            button.on_click(lambda _, side=side: self._pressed(side))
        self._anew = ipywidgets.Button(description="Again, new sides", layout=look)
        self._anew.on_click(lambda _: self.again())
        self._text = ipywidgets.HTML()
        self._text.add_class("course-says")
        script = html.escape(" ".join(SCRIPT.split()))
        self._helper = ipywidgets.HTML(
            f'<img src="{PIXEL}" alt="" aria-hidden="true" width="1" height="1" style="position:absolute" '
            f'data-alt="{html.escape(alt)}" onload="{script}">',
            layout=ipywidgets.Layout(height="0", margin="0"),
        )
        row = ipywidgets.HBox([*self.buttons.values(), self._anew])
        self._box = ipywidgets.VBox(
            [self._picture, row, self._text, self._helper],
            layout=ipywidgets.Layout(overflow="hidden", width="100%"),
        )
        self._box.add_class("course-test")

    def _pressed(self, side: str) -> None:
        if not self.done:  # a second click may be on its way when the last answer arrives
            self.answer(side)

    def _update(self) -> None:
        for button in self.buttons.values():
            button.disabled = self.done
        self._anew.disabled = not self._said
        self.image = self._summary() if self.done else self._pair(len(self._said))
        self._picture.width, self._picture.height = (str(round(side / SCALE)) for side in self.image.size)
        self._picture.value = fast_png(self.image)
        self._text.value = html.escape(self.says)
        if self._kept is not None:
            self._kept.update(self._record(), raw=True)

    @property
    def says(self) -> str:
        """The sentence below the picture: it gives nothing away before the end."""
        if self.done:
            return str(self.result)
        return (
            f"Pair {len(self._said) + 1} of {len(self._sides)}: which one is real? Buttons, or keys 1 and 2, or "
            f"the arrows."
        )

    def _pair(self, k: int) -> Any:
        brush = Brush(2 * LEFT + 2 * SIDE + GAP, TOP + SIDE + 20, SCALE)
        pictures = [self._fake[k], self._fake[k]]
        pictures[self._sides[k]] = self._real[k]
        for place, picture in enumerate(pictures):
            x = LEFT + place * (SIDE + GAP)
            brush.text(x + SIDE / 2, TOP - 12, f"{place + 1} · {SIDES[place]}", anchor="ms", bold=True)
            brush.pixels(x, TOP, SIDE, picture)
        return brush.image

    def _summary(self) -> Any:
        """All pairs, the real picture above; a bar below each says whether it was found."""
        n = len(self._sides)
        rows, step = -(-n // ROW), 2 * SMALL + 26
        brush = Brush(2 * LEFT + ROW * (SMALL + 6), TOP + rows * step + 26, SCALE)
        brush.text(
            LEFT,
            TOP - 12,
            "Above the real picture, below the generated one; the bar says what you took for real",
            size=12,
        )
        for k, (said, side) in enumerate(zip(self._said, self._sides, strict=True)):
            x, y = LEFT + k % ROW * (SMALL + 6), TOP + k // ROW * step
            brush.bar(x - 1, y - 1, SMALL + 2, 2 * SMALL + 2, RULE)
            brush.pixels(x, y, SMALL, self._real[k])
            brush.pixels(x, y + SMALL, SMALL, self._fake[k])
            found = said == side
            brush.bar(x, y + 2 * SMALL + 4, SMALL, 6, GREEN if found else VERMILLION)
            brush.text(
                x + SMALL / 2, y + 2 * SMALL + 20, "real" if found else "fake", size=10, fill=SOFT_INK, anchor="ms"
            )
        return brush.image

    def _record(self) -> dict[str, Any]:
        """What stays in the notebook: the result, and each answer."""
        text = str(self.result)
        if self.done:
            marks = "".join("+" if said == side else "-" for said, side in zip(self._said, self._sides, strict=True))
            text += f" Answers in order, + right: {marks}"
        return {"text/plain": text, "text/markdown": f"**Blind test.** {text}"}

    def _ipython_display_(self) -> None:
        """The live test, with a still picture for places where no kernel runs; and below it what is kept."""
        from IPython.display import display

        data, metadata = image_output(compress(self.image), f"{self._alt} {self.says}", int(self._picture.width))
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        data["application/vnd.jupyter.widget-view+json"] = view
        display(data, metadata=metadata, raw=True)
        self._kept = display(self._record(), raw=True, display_id=True)

    def close(self) -> None:
        """Take the test off the page and let its memory go."""
        parts = [*self.buttons.values(), self._anew, self._picture, self._text, self._helper, self._box]
        for widget in parts:
            widget.close()
