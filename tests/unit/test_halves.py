"""Two halves: cut in the same place, computed on one thread each, the same however they run; and the choice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable, Iterator

import pytest
import torch
from torch import Tensor

from course_utils import models
from course_utils.diffusion import alpha_bars, cosine_schedule
from course_utils.errors import CourseError
from course_utils.guidance import sample_cfg
from course_utils.halves import Choice, chosen_by, compute, cut, inside, joined, on_one_thread
from course_utils.halves.choice import LATEST, SOONEST, TRIES
from course_utils.samplers import as_predict, sample_ddim, sample_ddpm


class Always:
    """No measuring: always the same."""

    def __init__(self, together: bool) -> None:
        self.together, self.asked = together, 0

    def side_by_side(self, kind: Hashable) -> bool:
        self.asked += 1
        return self.together

    def took(self, side_by_side: bool, seconds: float) -> None:
        assert side_by_side == self.together and seconds > 0


BOTH_WAYS = pytest.mark.parametrize("together", [True, False])


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


# ---------------------------------------------------------------- cutting


def test_the_first_half_takes_the_odd_one() -> None:
    x, t = torch.arange(15).reshape(5, 3), torch.arange(5)
    (first, three), (second, two) = cut((x, t, None, 0.5, torch.tensor(7)))
    assert (three, two) == (3, 2)
    assert first[0].tolist() == x[:3].tolist() and second[0].tolist() == x[3:].tolist()
    assert first[1].tolist() == [0, 1, 2] and second[1].tolist() == [3, 4]
    assert first[2:] == second[2:] == (None, 0.5, torch.tensor(7))


def test_a_tensor_a_list_and_a_dict_stay_what_they_are() -> None:
    assert [half.tolist() for half, _ in cut(torch.arange(4))] == [[0, 1], [2, 3]]
    assert [half[0].tolist() for half, _ in cut([torch.arange(2)])] == [[0], [1]]
    assert [half["x"].tolist() for half, _ in cut({"x": torch.arange(2), "w": 3.0})] == [[0], [1]]


def test_a_single_image_is_a_single_part() -> None:
    ((half, n),) = cut((torch.ones(1, 3), None))
    assert n == 1 and half[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ((torch.ones(4), torch.ones(3)), r"same number of images in each: here they are \[3, 4\]"),
        ((None, 3), "this one has none"),
        ("text", "this one has none"),
        (torch.tensor(1.0), "this one has none"),
        ((torch.ones(0, 3),), r"here they are \[0\]"),
    ],
)
def test_what_cannot_be_cut_gets_a_sentence(batch: object, sentence: str) -> None:
    with pytest.raises(CourseError, match=sentence):
        cut(batch)


# ---------------------------------------------------------------- threads


@BOTH_WAYS
def test_each_work_has_one_thread_and_the_caller_keeps_its_own(two_threads: None, together: bool) -> None:
    def look() -> tuple[str, int, bool]:
        time.sleep(0.02)
        return threading.current_thread().name, torch.get_num_threads(), inside()

    with chosen_by(Always(together)):
        first, second = compute([look, look], "look")
    assert first[1:] == second[1:] == (1, True)
    assert not together or first[0] != second[0]
    assert torch.get_num_threads() == 2 and not inside()
    assert on_one_thread(torch.get_num_threads) == 1
    fresh: list[int] = []
    thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert fresh == [2]


def test_side_by_side_they_run_at_the_same_time_and_else_one_after_the_other() -> None:
    met = threading.Barrier(2, timeout=20)
    with chosen_by(Always(True)):
        compute([met.wait, met.wait], "meet")  # neither would end alone
    order: list[str] = []
    with chosen_by(Always(False)):
        compute([lambda: (time.sleep(0.05), order.append("first")), lambda: order.append("second")], "order")
    assert order == ["first", "second"]


def test_the_modes_are_those_of_the_caller() -> None:
    def modes() -> tuple[bool, bool, bool, torch.dtype]:
        return (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            (torch.ones(2, 2) @ torch.ones(2, 2)).dtype,
        )

    assert compute([modes, modes], "modes") == [(True, False, False, torch.float32)] * 2
    with torch.no_grad():
        assert compute([modes, modes], "modes") == [(False, False, False, torch.float32)] * 2
    with torch.inference_mode():
        assert compute([modes, modes], "modes") == [(False, True, False, torch.float32)] * 2
    with torch.autocast("cpu", torch.bfloat16):
        assert compute([modes, modes], "modes") == [(True, False, True, torch.bfloat16)] * 2
    assert compute([modes, modes], "modes") == [(True, False, False, torch.float32)] * 2


def test_a_half_that_has_halves_computes_them_itself() -> None:
    inner = lambda: compute([lambda: 1, lambda: on_one_thread(lambda: 2)], "inner")  # noqa: E731
    assert compute([inner, inner], "outer") == [[1, 2], [1, 2]]


@BOTH_WAYS
def test_an_error_waits_for_the_other_half(together: bool) -> None:
    done: list[int] = []

    def fail() -> None:
        raise KeyError("here")

    def slow() -> None:
        time.sleep(0.1)
        done.append(1)

    with chosen_by(Always(together)):
        with pytest.raises(KeyError, match="here"):
            compute([fail, slow], "failing")
        assert done == ([1] if together else [])
        with pytest.raises(KeyError, match="here"):
            compute([slow, fail], "failing")
        assert done[-1] == 1
        assert compute([lambda: 1, lambda: 2], "again") == [1, 2]


def test_many_callers_take_turns() -> None:
    found: list[list[int]] = []
    callers = [
        threading.Thread(target=lambda k=k: found.append(compute([lambda: k, lambda: k], k)))  # type: ignore[misc]
        for k in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert sorted(found) == [[k, k] for k in range(8)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_makes_its_own_threads() -> None:
    compute([lambda: 1, lambda: 2], "before")
    child = os.fork()
    if child == 0:
        os._exit(0 if compute([lambda: 1, lambda: 2], "after") == [1, 2] else 1)
    for _ in range(200):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.1)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert pid and status == 0


# ---------------------------------------------------------------- sampling


def unet() -> models.UNet:
    torch.manual_seed(0)
    net = models.UNet(3, width=8, multipliers=(1, 2), attention=(False, True), classes=4)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return net


ALPHA_BAR = alpha_bars(cosine_schedule(100))


def sampled(images: int, guided: bool, halves: bool = True, autocast: bool = False) -> Tensor:
    x_T = torch.randn(images, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    cond = torch.arange(images) % 4
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        if guided:
            return sample_cfg(unet(), x_T, cond, 2.0, ALPHA_BAR, 4, halves=halves)
        return sample_ddim(as_predict(unet(), cond, halves=halves), x_T, ALPHA_BAR, 4)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("images", [1, 2, 7])
def test_samples_are_the_same_to_the_last_bit(two_threads: None, images: int, guided: bool, autocast: bool) -> None:
    results = []
    for together in (True, False):
        with chosen_by(Always(together)) as _:
            results.append(sampled(images, guided, autocast=autocast))
    torch.set_num_threads(1)
    with chosen_by(Always(True)):
        results.append(sampled(images, guided, autocast=autocast))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    if not autocast:
        torch.testing.assert_close(results[0], sampled(images, guided, halves=False), rtol=1e-3, atol=1e-3)


def test_without_halves_nothing_is_cut() -> None:
    chooser = Always(True)
    with chosen_by(chooser):
        sampled(6, guided=False, halves=False)
        assert chooser.asked == 0
        sampled(6, guided=False)
        assert chooser.asked == 4


@pytest.mark.parametrize("halves", [True, False])
def test_a_sampler_does_its_own_sums_on_one_thread_where_the_network_is_asked_in_halves(
    two_threads: None, halves: bool
) -> None:
    seen: list[int] = []
    predict = as_predict(lambda x, t, cond: x, halves=halves)
    x_T = torch.randn(4, 3, 8, 8)
    sample_ddim(predict, x_T, ALPHA_BAR, 2, watch=lambda *_: seen.append(torch.get_num_threads()))
    sample_ddpm(predict=predict, x_T=x_T, alpha_bar=ALPHA_BAR, generator=torch.Generator(), steps=2)
    assert seen == [1 if halves else 2] * 2 and torch.get_num_threads() == 2


def test_joined_keeps_the_order_and_passes_none_on() -> None:
    x = torch.arange(5.0)
    assert torch.equal(joined(lambda a, b: a if b is None else a + b, x, None, kind="k"), x)
    assert torch.equal(joined(lambda a, b: a + b, x, x, kind="k"), 2 * x)


# ---------------------------------------------------------------- choosing


class World:
    """A clock, and how long each way takes."""

    def __init__(self, together: float, apart: float, cores: int = 2) -> None:
        self.now, self.times, self.log = 0.0, {True: together, False: apart}, []  # type: ignore[var-annotated]
        self.choice = Choice(cores, clock=lambda: self.now)

    def work(self, times: int, kind: Hashable = "a") -> list[bool]:
        """Do the work so many times; gives how each ran."""
        found = []
        for _ in range(times):
            way = self.choice.side_by_side(kind)
            self.now += self.times[way]
            self.choice.took(way, self.times[way])
            found.append(way)
        return found


def test_at_the_start_both_are_tried_in_turn_after_a_first_call_that_does_not_count() -> None:
    world = World(together=0.07, apart=0.12)
    assert world.work(1 + 2 * TRIES) == [True] + [True, False] * TRIES
    assert world.work(10) == [True] * 10


def test_the_faster_is_kept_whichever_it_is() -> None:
    world = World(together=0.5, apart=0.2)
    world.work(1 + 2 * TRIES)
    assert world.work(5) == [False] * 5


def test_a_little_faster_changes_nothing() -> None:
    world = World(together=0.100, apart=0.097)
    world.work(1 + 2 * TRIES)
    assert world.work(3) == [True] * 3


def test_when_the_company_changes_so_does_the_way() -> None:
    world = World(together=0.07, apart=0.12)
    world.work(50)
    world.times = {True: 1.0, False: 0.2}
    world.work(200)
    assert world.work(5) == [False] * 5
    world.times = {True: 0.07, False: 0.12}
    world.work(1500)
    assert world.work(3)[-1] is True


@pytest.mark.parametrize(("together", "apart"), [(0.07, 0.12), (0.12, 0.07), (0.02, 0.03), (0.3, 0.5)])
def test_trying_costs_about_a_hundredth(together: float, apart: float) -> None:
    world = World(together, apart)
    calls = round(300 / min(together, apart))
    world.work(calls)
    assert world.now < 1.015 * calls * min(together, apart) + TRIES * abs(together - apart)


def test_trials_are_neither_too_often_nor_too_rare() -> None:
    world = World(together=0.1, apart=0.1)
    ways = world.work(300)  # 30 seconds in which a trial would cost nothing
    trials = sum(not way for way in ways) / TRIES
    assert abs(trials - 300 * 0.1 / (SOONEST + 2 * TRIES * 0.1)) < 2
    world = World(together=0.1, apart=100.0)  # a single glance at it is dear: and still, one day it is looked at again
    world.work(1 + 2 * TRIES)
    assert not all(world.work(round(LATEST / 0.1) + 5))


def test_only_works_of_one_kind_in_a_row_are_compared() -> None:
    world = World(together=0.2, apart=0.01)
    ways = [way for _ in range(20) for way in world.work(1, "a") + world.work(1, "b")]
    assert ways == [True] * 40  # never two of a kind in a row: nothing to learn from
    assert world.work(4, "a") == [True, True, False, True]
    assert world.work(1, "b") == [True]  # the trial that was cut short decides nothing
    assert world.work(1 + 2 * TRIES, "a")[-1] is False
    assert world.work(2, "b") == [False, False]  # what holds for one kind holds for all


def test_on_one_core_they_run_one_after_the_other() -> None:
    assert World(0.1, 0.2, cores=1).work(30) == [False] * 30
