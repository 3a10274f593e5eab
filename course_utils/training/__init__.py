"""One training loop for every lesson: AdamW or Muon, warm-up and decay, clipping, averaged weights, and resume."""

from course_utils.training.batches import Shuffled
from course_utils.training.card import Clock, machine, round_to_16_bits, training_card
from course_utils.training.ema import ema_decay, ema_update
from course_utils.training.interrupts import Interrupted
from course_utils.training.loop import Fit, fit
from course_utils.training.optimiser import OPTIMISERS, bf16_where_fast, learning_rate_factor, make_adamw
from course_utils.training.plain import training_loop

__all__ = [
    "OPTIMISERS",
    "Clock",
    "Fit",
    "Interrupted",
    "Shuffled",
    "bf16_where_fast",
    "ema_decay",
    "ema_update",
    "fit",
    "learning_rate_factor",
    "machine",
    "make_adamw",
    "round_to_16_bits",
    "training_card",
    "training_loop",
]
