"""What a network is asked to predict: the noise, the picture, or v, a mixture of the two.

Given x_t, any one of them gives the other two, because x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps. They
differ in what a mistake costs at each noise level. The samplers take eps; `to_eps` translates.
"""

from __future__ import annotations

from torch import Tensor

from course_utils.diffusion.forward import per_image, recover_x0
from course_utils.errors import CourseError

KINDS = ("eps", "x0", "v")


def target(kind: str, x0: Tensor, eps: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """What a network of this kind should say.

    Args:
        kind: "eps", the noise (Ho et al. 2020, eq. 14); "x0", the picture; or "v", which is
            sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) x0 (Salimans & Ho 2022, arXiv 2202.00512, section 4).
        x0: clean images, (B, C, H, W) or any shape (B, ...).
        eps: the noise in x_t, shaped like x0.
        t: (B,), int64, 0 to T.
        alpha_bar: (T + 1,).

    Returns:
        The target, shaped like x0, in its dtype and on its device.

    Raises:
        CourseError: if there is no such kind.
    """
    check_kind(kind)
    if kind == "eps":
        return eps
    if kind == "x0":
        return x0
    signal, noise = amplitudes(t, alpha_bar, x0)
    return signal * eps - noise * x0


def to_eps(kind: str, prediction: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """The noise that a prediction implies.

    For "x0" it is what is left of x_t without the picture, (x_t - sqrt(alpha_bar_t) x0) / sqrt(1 - alpha_bar_t), which
    needs t > 0. For "v", (x_t, v) is (x0, eps) turned by an angle, and turning back gives
    eps = sqrt(1 - alpha_bar_t) x_t + sqrt(alpha_bar_t) v.

    Args:
        kind: "eps", "x0" or "v": what `prediction` is.
        prediction: shaped like x_t.
        x_t: noised images, (B, C, H, W) or any shape (B, ...).
        t: (B,), int64, 0 to T; 1 to T for "x0".
        alpha_bar: (T + 1,).

    Returns:
        eps, shaped like x_t, in its dtype and on its device.

    Raises:
        CourseError: if there is no such kind.
    """
    check_kind(kind)
    if kind == "eps":
        return prediction
    signal, noise = amplitudes(t, alpha_bar, x_t)
    if kind == "x0":
        return (x_t - signal * prediction) / noise
    return noise * x_t + signal * prediction


def to_x0(kind: str, prediction: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """The picture that a prediction implies: for "v", x0 = sqrt(alpha_bar_t) x_t - sqrt(1 - alpha_bar_t) v.

    Args and errors as for `to_eps`.

    Returns:
        x0, shaped like x_t, in its dtype and on its device.
    """
    check_kind(kind)
    if kind == "x0":
        return prediction
    if kind == "eps":
        return recover_x0(x_t, t, alpha_bar, prediction)
    signal, noise = amplitudes(t, alpha_bar, x_t)
    return signal * x_t - noise * prediction


def amplitudes(t: Tensor, alpha_bar: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t), each (B, 1, 1, ...), in the dtype and on the device of `like`."""
    a = alpha_bar.to(t.device)[t]  # (B,)
    return per_image(a.sqrt(), like), per_image((1 - a).sqrt(), like)


def check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise CourseError(f"A network predicts one of {', '.join(KINDS)}: kind is {kind!r}.")
