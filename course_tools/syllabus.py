"""The lessons of the course, those that are written and those to come. Numbers and slugs are final."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.errors import CourseError


@dataclass(frozen=True)
class Planned:
    """A lesson as the syllabus has it: number, slug, a short title until its source brings its own, and its part."""

    number: str
    slug: str
    title: str
    part: str


PARTS = {
    "": "Start",
    "I": "Diffusion from scratch",
    "II": "The continuous view",
    "III": "Control what is generated",
    "IV": "Latent space",
    "V": "Language and vision",
    "VI": "Transformers that diffuse",
    "VII": "Fast, big, shipped",
}

SYLLABUS = tuple(
    Planned(*row)
    for row in (
        ("00", "welcome", "Welcome", ""),
        ("01", "forward_noising", "Forward noising", "I"),
        ("02", "unet", "U-Net", "I"),
        ("03", "time_embeddings", "Time embeddings", "I"),
        ("04", "ddpm", "DDPM", "I"),
        ("05", "unet_optimizations", "U-Net optimisations", "I"),
        ("06", "fast_sampling", "Fast sampling", "I"),
        ("07", "score_matching", "Score matching", "II"),
        ("08", "sdes", "SDEs", "II"),
        ("09", "flow_matching", "Flow matching", "II"),
        ("10", "evaluation", "Evaluation", "II"),
        ("11", "classifier_guidance", "Classifier guidance", "III"),
        ("12", "classifier_free_guidance", "Classifier-free guidance", "III"),
        ("13", "autoencoders_and_vae", "Autoencoders and VAE", "IV"),
        ("14", "perceptual_and_adversarial", "Perceptual and adversarial losses", "IV"),
        ("15", "latent_diffusion", "Latent diffusion", "IV"),
        ("16", "text_and_attention", "Text and attention", "V"),
        ("17", "vision_transformer", "Vision transformer", "V"),
        ("18", "clip", "CLIP", "V"),
        ("19", "text_to_image", "Text to image", "V"),
        ("20", "dit", "DiT", "VI"),
        ("21", "mmdit", "MM-DiT", "VI"),
        ("22", "control", "Control", "VI"),
        ("23", "distillation", "Distillation", "VII"),
        ("24", "cascades", "Cascades", "VII"),
        ("25", "production", "Production", "VII"),
        ("26", "beyond_images", "Beyond images", "VII"),
        ("27", "capstone", "Capstone", "VII"),
    )
)


def planned(number: str, slug: str) -> Planned:
    """The row of the syllabus for a lesson.

    Raises:
        CourseError: the syllabus has no such number, or another slug for it.
    """
    for row in SYLLABUS:
        if row.number == number:
            if row.slug != slug:
                raise CourseError(f"Lesson {number} is called {row.slug} in the syllabus, not {slug}.")
            return row
    raise CourseError(f"The syllabus ends at {SYLLABUS[-1].number}: add lesson {number} to course_tools/syllabus.py.")
