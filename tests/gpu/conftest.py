"""Tests that need a GPU, or say in a word why they were skipped.

COURSE_GPU_TESTS_ON=cpu runs the same code on the CPU, which shows that the tests themselves are sound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
REHEARSAL = "COURSE_GPU_TESTS_ON"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU; skips the test where there is none."""
    if os.environ.get(REHEARSAL) == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip(f"PyTorch sees no CUDA GPU ({REHEARSAL}=cpu rehearses on the CPU)")
    return torch.device("cuda")


@pytest.fixture
def exact() -> Iterator[None]:
    """float32 as such: no TF32 with its 10 bits, no algorithm that differs from run to run."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = False, False, True, False
    yield
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = before
