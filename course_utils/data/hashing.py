"""Random numbers that are computed from a counter, not drawn one after another.

A generator gives its numbers in sequence, so the picture at index 1000 would depend on how many were drawn
before it. Here the number is a hash of (seed, names, index): image 1000 is the same whether it is drawn
alone, first, or after 999 others. The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood,
"Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1  # uint64 arrays wrap around, which is what is wanted
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


def hash64(seed: int, *names: str, index: np.ndarray) -> np.ndarray:
    """uint64, shaped like `index`: a hash of the seed, the names and each index."""
    state = np.array([seed % 2**64], dtype=np.uint64)
    for name in names:
        state = _mix(state + _GOLDEN + np.uint64(zlib.crc32(name.encode("utf-8"))))
    state = _mix(state + _GOLDEN)
    return _mix(state + np.asarray(index).astype(np.uint64) * _GOLDEN)


def uniform(key: np.ndarray, name: str) -> np.ndarray:
    """float64 in [0, 1), shaped like `key` (uint64): one number for each key, independent for each name."""
    mixed = _mix(key ^ _mix(np.array([zlib.crc32(name.encode("utf-8"))], dtype=np.uint64) * _GOLDEN))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
