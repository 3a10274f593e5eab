"""What the pages that list lessons say of lesson 00: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="your machine, the data, how an exercise works, the notation",
    words={
        "diffusion model": "a network that has learnt to take noise away, and the loop that uses it to make pictures",
        "preset": "how much a lesson computes: `smoke`, `lecture`, `laptop` or `gpu`",
        "interval": (
            "where the true mean difference of a comparison lies, as far as its seeds can say; 95 of 100 such "
            "intervals contain it"
        ),
        "verdict": (
            "what a comparison's interval says of a claim: *holds here*, *does not hold here* or *too close to call*"
        ),
        "seed": "the number that decides all random numbers; the same preset, seed and device give the same figures",
    },
)
