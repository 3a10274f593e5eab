"""What the pages that list lessons say of lesson 06: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="DDIM, interpolation, inversion, a head start, a learned variance",
    words={
        "respacing": "sampling with fewer, evenly spaced steps, of the same network",
        "DDIM": (
            "the denoising diffusion *implicit* model, a walk without fresh noise ($\\eta = 0$), on which the "
            "same noise always gives the same picture"
        ),
        "slerp": (
            "spherical linear interpolation: going from one noise to another along the *great circle*, which "
            "keeps the length"
        ),
        "truncated diffusion": "starting the sampler part of the way, from a cheap guess with noise on it",
        "editing": "truncated diffusion with a picture of yours as the guess",
    },
)
