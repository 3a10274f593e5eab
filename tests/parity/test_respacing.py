"""Which steps a shorter way visits: ours beside diffusers' three spacings, and where they differ."""

from itertools import pairwise

import pytest

from course_utils import samplers

diffusers = pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")


def theirs(T, steps, spacing, cls=diffusers.DDPMScheduler):
    """Their steps in our numbers: k + 1, and 0 for the picture at the end."""
    scheduler = cls(T, timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    return [k + 1 for k in scheduler.timesteps.tolist()] + [0]


@pytest.mark.parametrize(("T", "steps"), [(1000, 1000), (1000, 50), (1000, 20), (1000, 1), (300, 10), (64, 16)])
def test_trailing_is_ours_where_the_steps_divide(T, steps):
    assert samplers.respace(T, steps).tolist() == theirs(T, steps, "trailing")
    assert samplers.respace(T, steps).tolist() == theirs(T, steps, "trailing", diffusers.DDIMScheduler)


@pytest.mark.parametrize(("T", "steps"), [(1000, 30), (1000, 7), (100, 33)])
def test_trailing_is_ours_to_rounding_where_they_do_not(T, steps):
    """Both round T k / steps; a half may go either way."""
    ours, other = samplers.respace(T, steps).tolist(), theirs(T, steps, "trailing")
    assert len(ours) == len(other) and max(abs(a - b) for a, b in zip(ours, other, strict=True)) <= 1


def test_their_ddim_then_takes_steps_of_one_length_and_misses_the_next_step():
    """For 1000 steps in 30 it always goes back by 1000 // 30 = 33, not to the next step that it will visit."""
    ours = samplers.respace(1000, 30).tolist()
    assert {t - s for t, s in pairwise(ours)} == {33, 34}


def test_leading_begins_before_the_noise_of_training():
    """The default of theirs. It asks the network first at t = 951 (here), though the picture is pure noise."""
    assert theirs(1000, 20, "leading")[:2] == [951, 901]
    assert theirs(1000, 20, "leading")[-2:] == [1, 0]  # and its last step removes hardly anything
    assert samplers.respace(1000, 20).tolist()[:2] == [1000, 950]
    assert samplers.respace(1000, 20).tolist()[-2:] == [50, 0]


def test_linspace_spends_its_last_step_on_t_1():
    """Both ends of training, 1000 and 1, then 0: one step less for the rest of the way."""
    assert theirs(1000, 20, "linspace")[0] == 1000
    assert theirs(1000, 20, "linspace")[-2:] == [1, 0]
