"""What lesson 02 measures ahead: a U-Net with its skip connections and without."""

from __future__ import annotations

from course_utils.pretrained.denoiser import OneShot
from course_utils.studies.one_shot import one_shot
from course_utils.studies.study import Study

STUDIES = [
    Study(
        "skips",
        lesson="02",
        says="skip connections on and off in a one-shot denoiser",
        variants={
            "with skips": OneShot(width=16, steps=800, skips=True),
            "without skips": OneShot(width=16, steps=800, skips=False),
        },
        run=one_shot,
    )
]
