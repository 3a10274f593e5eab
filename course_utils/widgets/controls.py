"""The controls of an explorer: each function makes one ipywidgets control with its name written beside it.

All of them are ordinary ipywidgets, worked by mouse, touch or keyboard (arrow keys, Page up and down, Home, End).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from course_utils.errors import CourseError

LABEL_WIDTH = "130px"


def _look(width: str = "min(560px, 100%)") -> dict[str, Any]:
    return {"style": {"description_width": LABEL_WIDTH}, "layout": ipywidgets.Layout(width=width)}


def _inside(low: float, high: float, start: float | None, label: str) -> float:
    if not low < high:
        raise CourseError(f"The slider {label!r} runs from {low} to {high}: the first must be the smaller.")
    start = low if start is None else start
    if not low <= start <= high:
        raise CourseError(f"The slider {label!r} starts at {start}, outside of {low} to {high}.")
    return start


def whole(low: int, high: int, start: int | None = None, label: str = "", step: int = 1) -> Any:
    """A slider over whole numbers from `low` to `high`, both included."""
    return ipywidgets.IntSlider(
        value=int(_inside(low, high, start, label)), min=low, max=high, step=step, description=label, **_look()
    )


def real(low: float, high: float, start: float | None = None, label: str = "", step: float = 0.1) -> Any:
    """A slider over real numbers from `low` to `high`, both included."""
    decimals = max(0, len(f"{step:.6f}".rstrip("0").split(".")[1]))
    return ipywidgets.FloatSlider(
        value=_inside(low, high, start, label),
        min=low,
        max=high,
        step=step,
        description=label,
        readout_format=f".{decimals}f",
        **_look(),
    )


def between(low: int, high: int, start: tuple[int, int] | None = None, label: str = "", step: int = 1) -> Any:
    """A slider with two handles over whole numbers from `low` to `high`: its value is the pair of both."""
    first, second = start or (low, high)
    _inside(low, high, first, label), _inside(low, high, second, label)
    if first > second:
        raise CourseError(f"The slider {label!r} starts at {first} to {second}: the first is the lower one.")
    return ipywidgets.IntRangeSlider(value=(first, second), min=low, max=high, step=step, description=label, **_look())


def stops(values: Sequence[Any] | Mapping[str, Any], start: Any = None, label: str = "") -> Any:
    """A slider with a few stops, such as 5, 10, 20, 50. With a dict, the reader sees its keys and `draw` the values."""
    pairs = list(values.items()) if isinstance(values, Mapping) else [(str(value), value) for value in values]
    if len(pairs) < 2:
        raise CourseError(f"The slider {label!r} has {len(pairs)} stops: it needs two or more.")
    first = pairs[0][1] if start is None else start
    if first not in [value for _, value in pairs]:
        raise CourseError(f"The slider {label!r} starts at {start!r}, which is none of its stops.")
    return ipywidgets.SelectionSlider(options=pairs, value=first, description=label, **_look())


def choice(options: Sequence[Any] | Mapping[str, Any], start: Any = None, label: str = "") -> Any:
    """A menu. With a dict, the reader sees its keys and `draw` gets the values."""
    if not options:
        raise CourseError(f"The menu {label!r} has no options.")
    pairs = list(options.items()) if isinstance(options, Mapping) else [(str(option), option) for option in options]
    values = [value for _, value in pairs]
    if start is not None and start not in values:
        raise CourseError(f"The menu {label!r} starts at {start!r}, which is not among {values}.")
    first = values[0] if start is None else start
    return ipywidgets.Dropdown(options=pairs, value=first, description=label, **_look("min(420px, 100%)"))


def toggle(start: bool = False, label: str = "") -> Any:
    """A box to tick."""
    box = ipywidgets.Checkbox(value=start, description=label, indent=True, **_look("min(420px, 100%)"))
    return box
