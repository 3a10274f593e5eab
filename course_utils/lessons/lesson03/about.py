"""What the pages that list lessons say of lesson 03: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="how a network is told how deep the noise lies, and whether it has to be",
    words={
        "embedding": "a vector that stands for something, such as a step or a word",
        "similarity": "the cosine of the angle between two embeddings",
        "time vector": (
            "what a small network makes of the time's embedding, once for each picture, for every block to read"
        ),
        "feature-wise modulation": (
            "FiLM, where each feature map is made louder or quieter and lifted or lowered, as another input says"
        ),
        "median": "the number in the middle, half of the others below it, which a few large values do not move",
        "blind denoiser": "a network that is not told how much noise there is and reads it off the picture",
        "principal components": (
            "the directions along which a cloud of points is widest: they count how many numbers say it all"
        ),
    },
)
