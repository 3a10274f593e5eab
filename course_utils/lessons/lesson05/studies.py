"""What lesson 05 measures: one part of the network at a time."""

from __future__ import annotations

from dataclasses import replace

from course_utils.lessons.lesson05.denoising import Denoising, denoise, reconstruct, wear_out
from course_utils.studies.study import Study

BASELINE = Denoising()
DEPTHS = (2, 4, 8, 16)

STUDIES = [
    Study(
        "norms",
        lesson="05",
        says="GroupNorm against BatchNorm in a denoiser, by batch size",
        variants={
            f"{norm}, batch {batch}": replace(BASELINE, norm=norm, batch=batch)
            for batch in (2, 8, 64)
            for norm in ("GroupNorm", "BatchNorm")
        },
        run=denoise,
    ),
    Study(
        "group_size",
        lesson="05",
        says="groups of 16 channels, against 16 groups",
        variants={norm: replace(BASELINE, norm=norm, batch=8) for norm in ("groups of 16", "16 groups")},
        run=denoise,
    ),
    Study(
        "dead_units",
        lesson="05",
        says="units that no input moves any more, under ReLU and GELU, by depth",
        variants={
            f"{activation}, {depth} layers": {
                "dataset": "flowers",
                "size": 16,
                "activation": activation,
                "norm": "none",
                "depth": depth,
                "batch": 16,
                "steps": 60,
                "learning_rate": 0.01,
            }
            for depth in DEPTHS
            for activation in ("ReLU", "GELU")
        },
        run=wear_out,
    ),
    Study(
        "poolings",
        lesson="05",
        says="three ways to half the size, in a denoiser",
        variants={pool: replace(BASELINE, pool=pool) for pool in ("max-pool", "strided", "rearrange")},
        run=denoise,
    ),
    Study(
        "upsampling",
        lesson="05",
        says="transposed convolution against resizing, in a network that draws pictures anew",
        variants={
            lift: {
                "dataset": "flowers",
                "size": 16,
                "lift": lift,
                "batch": 32,
                "steps": 200,
                "learning_rate": 0.002,
            }
            for lift in ("transposed, 3 x 3", "transposed, 4 x 4", "resize, then 3 x 3")
        },
        seeds=tuple(range(10)),  # a run takes two seconds, and they scatter
        run=reconstruct,
    ),
    Study(
        "residual",
        lesson="05",
        says="blocks that add to their input, and blocks that do not, by depth",
        variants={
            f"{'residual' if residual else 'plain'}, {6 * blocks} convolutions": replace(
                BASELINE, residual=residual, blocks=blocks, batch=16
            )
            for blocks in (1, 2, 4)
            for residual in (True, False)
        },
        run=denoise,
    ),
]
