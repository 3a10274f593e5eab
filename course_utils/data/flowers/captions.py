"""A sentence for each flower, from a small grammar, and the way back from a sentence to attributes.

    caption := [SKY ","] noun phrase [SKY]
    noun phrase := a [SIZE] [COLOUR] SPECIES [with PARTS]
    PARTS := any of: a number and colour of petals, the colour of the centre, the number of leaves, in any order

Each attribute is mentioned or left out by chance, in one of several words, so a model that reads captions cannot
rely on a place in the sentence or on a single word. Nothing that is mentioned is ever false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from course_utils.data.hashing import uniform

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "species": {
        "daisy": ("daisy", "marguerite"),
        "sunflower": ("sunflower", "helianthus"),
        "tulip": ("tulip", "garden tulip"),
        "rose": ("rose", "garden rose"),
        "poppy": ("poppy", "field poppy"),
        "bellflower": ("bellflower", "campanula"),
        "lily": ("lily", "star lily"),
        "pansy": ("pansy", "viola"),
        "lotus": ("lotus", "lotus flower"),
        "primrose": ("primrose", "primula"),
    },
    "petal_colour": {
        "red": ("red", "crimson", "scarlet"),
        "orange": ("orange", "tangerine"),
        "yellow": ("yellow", "golden"),
        "pink": ("pink", "rosy"),
        "purple": ("purple", "violet"),
        "blue": ("blue", "azure"),
        "white": ("white", "snowy"),
    },
    "centre_colour": {
        "yellow": ("yellow", "golden"),
        "brown": ("brown", "chestnut"),
        "green": ("green", "mossy"),
        "white": ("white", "creamy"),
    },
    "sky": {
        "day": ("under a blue sky", "in daylight", "on a sunny day", "in bright sunshine"),
        "dusk": ("at dusk", "at sunset", "under an evening sky", "in the last light"),
        "night": ("at night", "under a night sky", "beneath the stars", "in the dark"),
        "mist": ("in the mist", "in fog", "under a grey sky", "on a misty morning"),
    },
    "size": {
        "small": ("small", "little", "tiny"),
        "medium": ("medium-sized", "mid-sized"),
        "large": ("large", "big"),
    },
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
LEAVES: dict[int, tuple[str, ...]] = {
    0: ("no leaves", "a bare stem"),
    1: ("one leaf", "a single leaf"),
    2: ("two leaves", "a pair of leaves"),
}
_CENTRE = ("centre", "heart", "middle")
_PLAIN = ("flower", "bloom", "blossom")  # for a species that is not named
_OPENINGS = ("", "", "", "", "a picture of ", "a drawing of ")
_CHANCE = {
    "species": 0.92,
    "petal_colour": 0.80,
    "sky": 0.60,
    "petals": 0.40,
    "centre_colour": 0.35,
    "size": 0.35,
    "leaves": 0.20,
}
_DICE = (
    *(f"say {name}" for name in _CHANCE),
    *(f"word {name}" for name in _CHANCE),
    "opening",
    "sky first",
    "digits",
    "colour of petals",
    "noun",
    *(f"order {i}" for i in range(3)),
)


def write(table: pd.DataFrame, seed: int = 0) -> list[str]:
    """One caption for each row of a table of flowers. Another seed says it in other words."""
    key = table["key"].to_numpy().astype(np.uint64)
    dice = np.stack([uniform(key, f"caption {seed} {name}") for name in _DICE], axis=1).tolist()
    rows = table.drop(columns="key").to_dict("records")
    return [_sentence(row, dict(zip(_DICE, d, strict=True))) for row, d in zip(rows, dice, strict=True)]  # type: ignore[arg-type]


def _choose(options: tuple[str, ...], u: float) -> str:
    return options[int(u * len(options))]


def _sentence(flower: Mapping[str, object], dice: Mapping[str, float]) -> str:
    """One sentence, from one flower's attributes and its own throws of the dice."""
    say = {name: dice[f"say {name}"] < chance for name, chance in _CHANCE.items()}
    say["petal_colour"] |= not say["species"]  # "a flower" alone would say nothing

    def word(name: str) -> str:
        return _choose(WORDS[name][str(flower[name])], dice[f"word {name}"])

    beside_petals = say["petal_colour"] and dice["colour of petals"] < 0.3  # "with red petals", not "a red daisy"
    adjectives = [word("size")] if say["size"] else []
    if say["petal_colour"] and not beside_petals:
        adjectives.append(word("petal_colour"))
    noun = word("species") if say["species"] else _choose(_PLAIN, dice["noun"])
    parts: list[str] = []
    if say["petals"] or beside_petals:
        count = int(str(flower["petals"]))
        number = str(count) if dice["digits"] < 0.25 else NUMBERS[count]
        words = ([number] if say["petals"] else []) + ([word("petal_colour")] if beside_petals else [])
        parts.append(" ".join([*words, "petals"]))
    if say["centre_colour"]:
        parts.append(_article(f"{word('centre_colour')} {_choose(_CENTRE, dice['noun'])}"))
    if say["leaves"]:
        parts.append(_choose(LEAVES[int(str(flower["leaves"]))], dice["word leaves"]))
    parts = [part for _, part in sorted(zip((dice[f"order {i}"] for i in range(3)), parts, strict=False))]
    phrase = _article(" ".join([*adjectives, noun]))
    if parts:
        phrase += " with " + (", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0])
    if not say["sky"]:
        return _choose(_OPENINGS, dice["opening"]) + phrase
    if dice["sky first"] < 0.35:
        return f"{word('sky')}, {phrase}"
    return f"{_choose(_OPENINGS, dice['opening'])}{phrase} {word('sky')}"


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _pattern(words: Mapping[str, tuple[str, ...]]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for any of the words, longest first, and which value each stands for."""
    meaning = {word: value for value, options in words.items() for word in options}
    longest_first = sorted(meaning, key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b"), meaning


_PATTERNS = {name: _pattern(words) for name, words in WORDS.items()}
_LEAF_PATTERN = _pattern({str(count): words for count, words in LEAVES.items()})
_CENTRE_PATTERN = re.compile(_PATTERNS["centre_colour"][0].pattern + r" (?:centre|center|heart|middle)\b")
_PETALS_PATTERN = re.compile(r"\b(\d+|" + "|".join(NUMBERS) + r")(?: \w+)? petals\b")


def mentioned(caption: str) -> dict[str, object]:
    """The attributes that a caption speaks of, with their values: column name -> value as in the table.

    "under a night sky, a small pink tulip with five petals" gives
    {"sky": "night", "petals": 5, "size": "small", "petal_colour": "pink", "species": "tulip"}.
    Words that the grammar does not know are passed over, so it also reads what a person types.
    """
    rest = " ".join(caption.lower().split())
    found: dict[str, object] = {}
    # What has a colour in it is read first and taken out: a blue sky is no blue flower.
    pattern, meaning = _PATTERNS["sky"]
    if match := pattern.search(rest):
        found["sky"] = meaning[match[1]]
        rest = pattern.sub(" ", rest)
    if match := _CENTRE_PATTERN.search(rest):
        found["centre_colour"] = _PATTERNS["centre_colour"][1][match[1]]
        rest = rest.replace(match[0], " ", 1)
    pattern, meaning = _LEAF_PATTERN
    if match := pattern.search(rest):
        found["leaves"] = int(meaning[match[1]])
        rest = pattern.sub(" ", rest)
    if match := _PETALS_PATTERN.search(rest):
        found["petals"] = int(match[1]) if match[1].isdigit() else NUMBERS.index(match[1])
    for name in ("size", "petal_colour", "species"):
        pattern, meaning = _PATTERNS[name]
        if match := pattern.search(rest):
            found[name] = meaning[match[1]]
    return found
