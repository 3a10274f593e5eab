"""What people answer in lesson 00."""

import numpy as np
import torch

from tests.lessons.book import Answers

ANSWERS = Answers()


@ANSWERS.mistake("to_pixels", "they should become 0, 153 and 255")
def wrong_scale(images):
    return ((images + 1) * 100).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "off by one at the dark end")
def stretched_by_127(images):
    return (images * 127 + 128).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "Add 1 first")
def taken_for_zero_to_one(images):
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "2 wide")
def stretched_by_255(images):
    return ((images + 1) * 255).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "stretched to 255")
def never_stretched(images):
    return ((images + 1) / 2).round().to(torch.uint8)


@ANSWERS.mistake("to_pixels", "Round first")
def cut_off(images):
    return ((images + 1) * 127.5 + 1e-4).clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "Clamp before the conversion")
def wraps_around(images):
    return ((images + 1) * 127.5).round().to(torch.int64).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "not uint8")
def still_floats(images):
    return ((images + 1) * 127.5).round().clamp(0, 255)


@ANSWERS.mistake("to_pixels", "changes the tensors it is given")
def changes_its_input(images):
    images += 1
    return (images * 127.5).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.mistake("to_pixels", "returns None")
def forgets_to_return(images):
    ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@ANSWERS.alternative("to_pixels")
def by_adding_a_half(images):
    return (images.clamp(-1, 1) * 127.5 + 127.5 + 0.5).floor().clamp(0, 255).byte()


@ANSWERS.alternative("to_pixels")
def through_numpy(images):
    return torch.from_numpy(np.rint(np.clip((images.numpy() + 1) / 2, 0, 1) * 255).astype(np.uint8))
