"""The colours of the flowers: a few curated families, each a ramp from shadow through its main tone to light.

Every ramp is three sRGB colours (deep, main, light). A shading value t from 0 to 1 runs along it, as a
quadratic through the three, so that a petal has a warm shadow and a bright tip instead of one flat tone.
"""

from __future__ import annotations

import torch

Ramp = tuple[str, str, str]

PETALS: dict[str, Ramp] = {
    "red": ("#7d0f22", "#d62433", "#f4685a"),
    "orange": ("#b8430c", "#f5821f", "#ffb866"),
    "yellow": ("#c98a06", "#fbd028", "#fff08a"),
    "pink": ("#c2447f", "#f287b4", "#ffd0e0"),
    "purple": ("#43207a", "#8546c2", "#bd8cec"),
    "blue": ("#1c3a96", "#3f6fdc", "#92b8fa"),
    "white": ("#b3b6c8", "#f0efee", "#ffffff"),
}
CENTRES: dict[str, Ramp] = {
    "yellow": ("#b97a08", "#f6c31c", "#ffe97a"),
    "brown": ("#24120c", "#55301c", "#8a5a34"),
    "green": ("#2f5a17", "#74a82e", "#bfdd6a"),
    "white": ("#a9a48f", "#f3efdf", "#ffffff"),
}
LEAF: Ramp = ("#1c4a2c", "#3f8a45", "#8cc468")

# For each sky: top, middle and bottom of its gradient, the far hill, the near meadow.
SKIES: dict[str, tuple[str, str, str, str, str]] = {
    "day": ("#4f9fe6", "#97ccf5", "#eaf5ee", "#a9d38f", "#6fb05a"),
    "dusk": ("#5a4a92", "#d9788f", "#ffc987", "#7d5a78", "#4b4a5c"),
    "night": ("#0b1238", "#1a2563", "#41508f", "#20365c", "#152a45"),
    "mist": ("#8aa3ae", "#b3c4c6", "#e2e4d6", "#a7bbb1", "#7f9d8c"),
}
# What the light of each sky does to a petal or leaf: red, green and blue are multiplied by this.
LIGHT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "dusk": (1.0, 0.93, 0.92),
    "night": (0.95, 0.95, 1.0),
    "mist": (0.97, 0.98, 0.98),
}


def rgb(hex_colour: str) -> tuple[float, float, float]:
    """ "#ff8000" -> (1.0, 0.5, 0.0)."""
    return tuple(int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def table(colours: list[tuple[str, ...]]) -> torch.Tensor:
    """A list of K ramps of S colours -> float32 (K, S, 3)."""
    return torch.tensor([[rgb(c) for c in ramp] for ramp in colours])


def quadratic(stops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stops (B, 3, 3) -> the coefficients (c0, c1, c2), each (B, 3, 1, 1), of the curve c0 + t (c1 + t c2)
    that is `deep` at t = 0, `main` at t = 1/2 and `light` at t = 1."""
    deep, main, light = (stops[:, i, :, None, None] for i in range(3))
    return deep, 4 * main - 3 * deep - light, 2 * (deep - 2 * main + light)
