"""Explorers: a few named sliders, and a picture that follows them without flicker.

explorer    the base, `Explorer`: make your own in ten lines (its docstring shows how)
controls    the sliders and menus an explorer may have
redraw      when to draw: the newest position wins
page        what the browser needs that ipywidgets leaves out: names and live regions for screen readers
noising     lesson 01's explorer: schedule, step and image
embedding   lesson 03's explorer: number of clocks, the slowest, and what they tell apart
denoising   lesson 02's explorer: noise level, denoiser and image
norms       lesson 05's explorer: a picture, its company in the batch, and two norms
guidance    lesson 12's explorer: guidance weight, steps and guided interval, on a grid of classes and noises
film        what a sampler held at every step
steering    lesson 11's explorer: class and scale of classifier guidance
sampling    lesson 06's explorer: number of steps and share of fresh noise
human_test  lesson 10's blind test: which of two pictures is real?
judging     lesson 10's explorer: a damage, its strength, how many pictures, and five figures
trajectory  lesson 04's explorer: a scrubber through denoising
"""

from course_utils.widgets.controls import between, choice, real, stops, toggle, whole
from course_utils.widgets.denoising import DenoisingExplorer
from course_utils.widgets.embedding import EmbeddingExplorer
from course_utils.widgets.explorer import Explorer
from course_utils.widgets.film import Film
from course_utils.widgets.guidance import GuidanceExplorer
from course_utils.widgets.guided_curve import GuidanceCurve, measure_curve
from course_utils.widgets.guided_grid import GuidedGrid
from course_utils.widgets.human_test import HumanTest
from course_utils.widgets.judging import JudgingExplorer
from course_utils.widgets.noising import NoisingExplorer
from course_utils.widgets.norms import NormExplorer
from course_utils.widgets.sampling import SamplingExplorer
from course_utils.widgets.steering import SteeringExplorer
from course_utils.widgets.trajectory import TrajectoryExplorer

__all__ = [
    "DenoisingExplorer",
    "EmbeddingExplorer",
    "Explorer",
    "Film",
    "GuidanceCurve",
    "GuidanceExplorer",
    "GuidedGrid",
    "HumanTest",
    "JudgingExplorer",
    "NoisingExplorer",
    "NormExplorer",
    "SamplingExplorer",
    "SteeringExplorer",
    "TrajectoryExplorer",
    "between",
    "choice",
    "measure_curve",
    "real",
    "stops",
    "toggle",
    "whole",
]
