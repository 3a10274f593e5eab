"""One training loop for every lesson: AdamW or Muon, warm-up and decay, clipping, averaged weights, and resume."""

from course_utils.training.batches import Shuffled
from course_utils.training.card import machine, round_to_16_bits, training_card
from course_utils.training.checkpoint_file import discard
from course_utils.training.ema import ema_decay, ema_update
from course_utils.training.history import Fit
from course_utils.training.interrupts import Interrupted
from course_utils.training.loop import fit
from course_utils.training.optimiser import OPTIMISERS, bf16_where_fast, learning_rate_factor, make_adamw
from course_utils.training.place import checkpoint_of
from course_utils.training.plain import training_loop
from course_utils.training.recipe import FEW, Recipe, make, replayed
from course_utils.training.settings import Pictures, PoolTraining, Teachable, Training, initialised

__all__ = [
    "FEW",
    "OPTIMISERS",
    "Fit",
    "Interrupted",
    "Pictures",
    "PoolTraining",
    "Recipe",
    "Shuffled",
    "Teachable",
    "Training",
    "bf16_where_fast",
    "checkpoint_of",
    "discard",
    "ema_decay",
    "ema_update",
    "fit",
    "initialised",
    "learning_rate_factor",
    "machine",
    "make",
    "make_adamw",
    "replayed",
    "round_to_16_bits",
    "training_card",
    "training_loop",
]
