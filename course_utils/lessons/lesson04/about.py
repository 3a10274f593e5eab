"""What the pages that list lessons say of lesson 04: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="the bound, the simple loss, the sampler; a model that draws after a few minutes",
    words={
        "sampler": "the loop that starts from noise and ends in a picture; lesson 06 needs fewer rounds of it",
        "denoising diffusion probabilistic model": (
            "DDPM, a chain of small steps that starts from nothing but noise, each of them normal with a mean "
            "that a network chooses"
        ),
        "evidence lower bound": (
            "ELBO, a number that the logarithm of the data's probability cannot fall below, and that can be "
            "computed where the probability cannot"
        ),
        "Kullback-Leibler divergence": (
            "how far one distribution is from another: the mean logarithm of their quotient, 0 if they agree "
            "and larger otherwise"
        ),
        "exponential moving average": "EMA, a second copy of the weights, never trained, that follows the first slowly",
        "decay": (
            "how much of an exponential moving average stays at each step: it remembers about the last $1/(1-d)$ steps"
        ),
        "buffer": "a tensor that belongs to a module and is not learned, such as a schedule",
        "clipping": (
            "of a gradient, to shorten it where it is longer than 1; of a guessed picture, to cut off what lies "
            "outside $[-1, 1]$, as lesson 06 does too"
        ),
        "Fréchet distance": (
            "how far generated pictures are from real ones, by the means and the spread of what a recogniser "
            "sees in them; lesson 10 builds it"
        ),
        "kernel distance": (
            "like the Fréchet distance, with one moment more; it is 0 on average for real pictures, however "
            "few; lesson 10 builds it"
        ),
        "floor": (
            "the figure that real pictures get which nobody has generated: no generator can be expected to do better"
        ),
        "sure": "of a recogniser, to name a class with a probability above 0.9",
        "Muon": "an optimiser whose steps turn a weight matrix in all its directions alike, so that few steps get far",
        "oracle": "a network that reads a flower's attributes back from its picture",
    },
)
