"""Classifier-free guidance: values by hand, who is asked when, and what bad input is told."""

import pytest
import torch

from course_utils import diffusion, guidance, samplers
from course_utils.errors import CourseError
from course_utils.models import UNet

T = 40
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
NULL = 3


def normal(seed, *shape):
    return torch.randn(*(shape or (4, 2, 3, 3)), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Network:
    """A made-up conditional network that notes who was asked: for the null class or for a class."""

    classes = NULL

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, cond):
        self.calls.append(cond.tolist())
        shift = (1 + cond.double()).reshape(-1, 1, 1, 1) / 3
        return 0.7 * torch.sin(x + shift + t.reshape(-1, 1, 1, 1).double() / 300)


COND = torch.tensor([0, 1, 2, 1])


# ---------------------------------------------------------------- the mask


def test_the_ends_of_the_mask():
    generator = torch.Generator().manual_seed(0)
    assert not guidance.bernoulli_mask(500, 0.0, generator).any()
    assert guidance.bernoulli_mask(500, 1.0, generator).all()
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(CourseError, match="between 0 and 1"):
            guidance.bernoulli_mask(4, p, generator)


def test_drop_condition_puts_the_null_class_and_leaves_its_input():
    cond = COND.clone()
    dropped = guidance.drop_condition(cond, torch.tensor([True, False, False, True]), NULL)
    assert dropped.tolist() == [3, 1, 2, 3] and cond.tolist() == COND.tolist()
    with pytest.raises(CourseError, match="as a whole"):
        guidance.drop_condition(cond, torch.zeros(4, 5, dtype=torch.bool), NULL)


# ---------------------------------------------------------------- the formula


def test_guide_by_hand():
    a, b = torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [1.0]])
    assert guidance.guide(a, b, 0.5).flatten().tolist() == [2.5, 2.5]
    assert guidance.guide(a, b, torch.tensor([0.0, 3.0])).flatten().tolist() == [2.0, 5.0]


def test_guide_at_0_and_at_minus_1_is_one_of_the_two():
    a, b = normal(0), normal(1)
    torch.testing.assert_close(guidance.guide(a, b, 0), a, rtol=0, atol=0)
    torch.testing.assert_close(guidance.guide(a, b, -1), b, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0, 7.5])
def test_agrees_with_the_formula_of_diffusers_pipelines(scale):
    a, b = normal(0), normal(1)
    theirs = b + scale * (a - b)  # StableDiffusionPipeline.__call__: noise_pred_uncond + guidance_scale * (...)
    torch.testing.assert_close(guidance.guide(a, b, guidance.cfg_from_scale(scale)), theirs)


# ---------------------------------------------------------------- two answers in one call


def test_one_call_asks_for_both():
    network, x, t = Network(), normal(2), torch.full((4,), 500.0)
    got = guidance.guided_predict(network, COND, 2.0)(x, t)
    assert network.calls == [[*COND.tolist(), NULL, NULL, NULL, NULL]]
    want = 3 * network(x, t, COND) - 2 * network(x, t, torch.full((4,), NULL))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize(("w", "asked"), [(0, COND.tolist()), (-1, [NULL] * 4)])
def test_who_does_not_count_is_not_asked(w, asked):
    network = Network()
    guidance.guided_predict(network, COND, w)(normal(2), torch.full((4,), 500.0))
    assert network.calls == [asked]


def test_each_image_may_have_its_own_weight():
    network, x, t = Network(), normal(2), torch.full((4,), 500.0)
    got = guidance.guided_predict(network, COND, torch.tensor([0.0, -1.0, 2.0, 5.0]))(x, t)
    for k, w in enumerate([0.0, -1.0, 2.0, 5.0]):
        alone = guidance.guided_predict(network, COND[k : k + 1], w)(x[k : k + 1], t[:1])
        torch.testing.assert_close(got[k : k + 1], alone)


def test_outside_its_interval_nothing_is_guided():
    network = Network()
    predict = guidance.guided_predict(network, COND, 2.0, interval=(200, 600))
    for time, asked in ((800, 4), (600, 8), (200, 8), (199, 4)):
        predict(normal(2), torch.full((4,), float(time)))
        assert len(network.calls[-1]) == asked


def test_every_third_call_asks_again_and_a_new_walk_begins_anew():
    network = Network()
    predict = guidance.guided_predict(network, COND, 2.0, every=3)
    times = [1000, 900, 800, 700, 600, 1000, 900]
    for time in times:
        predict(normal(time), torch.full((4,), float(time)))
    assert [len(call) for call in network.calls] == [8, 4, 4, 8, 4, 8, 4]


def test_a_remembered_noise_is_the_last_one():
    network, t = Network(), torch.full((4,), 900.0)
    predict = guidance.guided_predict(network, COND, 2.0, every=2)
    predict(normal(0), t)
    got = predict(normal(1), t - 100)
    old = network(normal(0), t, torch.full((4,), NULL))
    torch.testing.assert_close(got, 3 * network(normal(1), t - 100, COND) - 2 * old)


@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_whatever_the_network_predicts_the_noise_is_guided(kind):
    x, t = normal(2), torch.full((4,), 500.0)
    network = Network()
    predicts = [
        samplers.as_predict(network, cond, kind, ALPHA_BAR)(x, t) for cond in (COND, torch.full_like(COND, NULL))
    ]
    got = guidance.guided_predict(network, COND, 1.5, kind=kind, alpha_bar=ALPHA_BAR)(x, t)
    torch.testing.assert_close(got, guidance.guide(*predicts, 1.5))


def test_bad_input_gets_a_sentence():
    network = Network()
    for words, arguments in (
        ("lower time", {"interval": (500, 200)}),
        ("every is 0", {"every": 0}),
    ):
        with pytest.raises(CourseError, match=words):
            guidance.guided_predict(network, COND, 1.0, **arguments)
    with pytest.raises(CourseError, match="means nothing"):
        guidance.guided_predict(lambda x, t, cond: x, COND, 1.0)


# ---------------------------------------------------------------- the walk


def test_sampling_at_0_is_conditional_and_at_minus_1_unconditional_to_the_last_bit():
    torch.manual_seed(0)
    model = UNet(1, width=8, classes=3).eval()
    torch.nn.init.normal_(model.out.weight, std=0.1)
    x_T, cond = normal(3, 3, 1, 8, 8).float(), torch.tensor([0, 1, 2])
    for w, told in ((0, cond), (-1, None)):
        plain = samplers.sample_ddim(samplers.as_predict(model, told), x_T, ALPHA_BAR, 5, clip=True)
        assert torch.equal(guidance.sample_cfg(model, x_T, cond, w, ALPHA_BAR, 5), plain)


def test_the_walk_leaves_its_input_and_repeats():
    network, x_T = Network(), normal(4)
    before = x_T.clone()
    first = guidance.sample_cfg(network, x_T, COND, 2.0, ALPHA_BAR, 6, every=2)
    assert torch.equal(first, guidance.sample_cfg(network, x_T, COND, 2.0, ALPHA_BAR, 6, every=2))
    assert torch.equal(x_T, before)
