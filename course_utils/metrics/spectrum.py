"""What a picture's spectrum gives away: the checkerboard that upsampling may leave."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.errors import CourseError


def checkerboard_share(x: Tensor) -> Tensor:
    """The share of a picture's variance that alternates from pixel to pixel, from 0 to 1.

    It is the power at the highest frequency in rows, in columns and in both (the Nyquist frequency, half a wave a
    pixel), over the power at all frequencies but 0, which is the mean. White noise gives 3 / (H W - 1). Pictures made
    by a transposed convolution have more (Odena et al. 2016, doi 10.23915/distill.00003).

    Args:
        x: (B, C, H, W), H and W even. A channel that is flat gives 0/0, so nan.

    Returns:
        (B, C), of the dtype and on the device of x.

    Raises:
        CourseError: not a batch of pictures with even sides.
    """
    if x.ndim != 4 or x.shape[2] % 2 or x.shape[3] % 2:
        raise CourseError(
            f"The checkerboard is measured on pictures (B, C, H, W) with even sides; these have {tuple(x.shape)}."
        )
    power = torch.fft.fft2(x).abs() ** 2  # (B, C, H, W), at frequency (0, 0) that of the mean
    h, w = x.shape[2] // 2, x.shape[3] // 2
    corners = power[..., h, 0] + power[..., 0, w] + power[..., h, w]  # (B, C)
    return corners / (power.sum(dim=(2, 3)) - power[..., 0, 0])
