"""Each law of the kit is obeyed by a right answer, however written, and says what is wrong with one that breaks it."""

import itertools

import pytest
import torch

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Exercise
from course_utils.exercises.laws.words import apart, difference


def jump(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0, t, alpha_bar, eps)


def step(x_t, t: int, alpha_bar, shift=0.0):
    return alpha_bar[t].sqrt().to(x_t) * x_t + shift


def walk(predict, x_T, alpha_bar, generator):
    return samplers.sample_ddpm(predict, x_T, alpha_bar, generator)


def hint(law, reference, answer, **inputs):
    """What an answer to an exercise with this law alone is told; None if it passes."""
    exercise = Exercise("probe", reference=reference, inputs=laws.Inputs(**inputs), laws=(law,))
    return exercise.examine(answer).hint


def a_of(alpha_bar, t, x):
    return alpha_bar[t].to(x).reshape(-1, 1, 1, 1)


def row_by_row(x0, t, alpha_bar, eps):
    return torch.stack([jump(x0[i : i + 1], t[i : i + 1], alpha_bar, eps[i : i + 1])[0] for i in range(len(x0))])


def in_numbers(x0, t, alpha_bar, eps):
    a = [float(alpha_bar[k]) for k in t.tolist()]
    return torch.stack([k**0.5 * x + (1 - k) ** 0.5 * e for k, x, e in zip(a, x0, eps, strict=True)])


def on_float32_coefficients(x0, t, alpha_bar, eps):
    a = alpha_bar.float()[t].reshape(-1, 1, 1, 1).to(x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


PICTURES = {
    "unchanged": laws.unchanged(),
    "dtypes": laws.dtypes(),
    "devices": laws.devices(),
    "layouts": laws.layouts(),
    "gradients": laws.gradients("x0", "eps"),
    "by_itself": laws.by_itself(),
    "any_size": laws.any_size(),
}


@pytest.mark.parametrize("law", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("answer", [jump, row_by_row, in_numbers, on_float32_coefficients])
def test_right_answers_of_any_shape_obey(law, answer):
    assert hint(law, jump, answer, first=0) is None


def frozen(x0, t, alpha_bar, eps):
    with torch.no_grad():
        result = jump(x0, t, alpha_bar, eps)
    return result.requires_grad_()


def in_storage_order(x0, t, alpha_bar, eps):
    return jump(x0.as_strided(x0.shape, torch.empty(x0.shape).stride()), t, alpha_bar, eps)


def on_columns(x0, t, alpha_bar, eps):
    return jump(x0, t, alpha_bar, eps) if len(x0) != x0.shape[-1] else alpha_bar[t].to(x0).sqrt() * x0


WRONG = {
    "changes x0 only beyond 1": (
        laws.unchanged(),
        lambda x, t, a, e: jump(x.clamp_(-1, 1), t, a, e),
        "`x0` is another",
    ),
    "float64": (laws.dtypes(), lambda x, t, a, e: jump(x.double(), t, a, e.double()), "float64, it should be float32"),
    "float32": (laws.dtypes(), lambda x, t, a, e: jump(x.float(), t, a, e.float()), "float32, it should be float64"),
    "bfloat16": (
        laws.dtypes(),
        lambda x, t, a, e: jump(x.bfloat16(), t, a, e).to(x),
        "with float32 pictures the result at",
    ),
    "CPU": (laws.devices(), lambda x, t, a, e: jump(x, t, a, e) + torch.zeros(x.shape), "mixes devices"),
    "elsewhere": (laws.devices(), lambda x, t, a, e: torch.zeros(x.shape), "on another device"),
    "view": (laws.layouts(), lambda x, t, a, e: jump(x.view(len(x), -1).view(x.shape), t, a, e), "use `.reshape`"),
    "strides": (laws.layouts(), in_storage_order, "order in memory"),
    "frozen": (laws.gradients("x0"), frozen, "no gradient flows back to `x0`"),
    "no graph": (laws.gradients("x0", "eps"), lambda x, t, a, e: jump(x, t, a, e).detach(), "to `x0` and `eps`"),
    "detached": (laws.gradients("x0", "eps"), lambda x, t, a, e: jump(x, t, a, e.detach()), "back to `eps`"),
    "half": (
        laws.gradients("x0"),
        lambda x, t, a, e: jump(x / 2 + x.detach() / 2, t, a, e),
        "only a part of the gradient",
    ),
    "first t": (
        laws.by_itself(),
        lambda x, t, a, e: jump(x, t[:1].expand(len(t)), a, e),
        "picture 2 (t = 0) comes out",
    ),
    "sorted": (laws.by_itself(), lambda x, t, a, e: jump(x, t.sort().values, a, e), "picture 1 (t = 20) comes out"),
    "batch mean": (laws.by_itself(), lambda x, t, a, e: jump(x, t, a, e) - x.mean(0), "comes out otherwise alone"),
    "T of 1000": (laws.any_size(), lambda x, t, a, e: jump(x, t.clamp(max=500), a, e), "with T = 510"),
    "columns": (laws.any_size(), on_columns, "(4, 4, 4)"),
    "no batch": (laws.any_size(), lambda x, t, a, e: jump(x, t, a, e).squeeze(0), "B = 1"),
}


@pytest.mark.parametrize(("law", "answer", "said"), WRONG.values(), ids=WRONG)
def test_an_answer_that_breaks_a_law_is_told_how(law, answer, said):
    assert said in hint(law, jump, answer, first=0)


def test_a_loss_is_the_mean_over_its_pictures():
    def loss(model, x0, t, alpha_bar, eps):
        return diffusion.ddpm_loss(model, x0, t, alpha_bar, eps)

    def one_by_one(model, x0, t, alpha_bar, eps):
        each = [loss(model, x0[i : i + 1], t[i : i + 1], alpha_bar, eps[i : i + 1]) for i in range(len(x0))]
        return torch.stack(each).mean()

    law = laws.by_itself(mean=True)
    assert hint(law, loss, one_by_one) is None
    assert "the mean of what its pictures give" in hint(law, loss, lambda *given: len(given[1]) * loss(*given))
    assert "to `model`" in hint(laws.gradients("model"), loss, lambda *given: loss(*given).detach())
    assert hint(laws.gradients("model"), loss, lambda *given: loss(*given) + 0) is None


def test_settings_count_alone_and_together():
    law = laws.settings(shift=(0.0, 1.5))
    assert hint(law, step, lambda x, t, a, shift=0.0: step(x, t, a) + shift) is None
    assert "is `shift` ignored" in hint(law, step, lambda x, t, a, shift=0.0: step(x, t, a))
    assert "with shift = 1.5 the result at" in hint(law, step, lambda x, t, a, shift=0.0: step(x, t, a, shift * 2))
    assert "with T = 60 and t = 60" in hint(laws.any_size(), step, lambda x, t, a: step(x, min(t, 50), a))


def test_a_schedule_keeps_its_digits():
    law = laws.float64()
    assert hint(law, diffusion.alpha_bars, lambda betas: diffusion.alpha_bars(betas) + 0) is None
    assert "is float32" in hint(law, diffusion.alpha_bars, lambda betas: diffusion.alpha_bars(betas.float()))
    said = hint(law, diffusion.alpha_bars, lambda betas: diffusion.alpha_bars(betas.float()).double())
    assert "right to a few digits" in said
    one, other = said.split(" is ")[1].split(", it should be ")[0], said.split("it should be ")[1].split(". A part")[0]
    assert one != other


def asked(clock):
    """A walk that tells the network another time."""
    return lambda predict, x, a, g: walk(lambda x, t: predict(x, clock(t, len(a) - 1)), x, a, g)


def test_the_network_is_asked_rightly():
    law = laws.asks()
    apiece = lambda predict: lambda x, t: torch.cat([predict(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])  # noqa: E731
    assert hint(law, walk, lambda predict, *rest: walk(apiece(predict), *rest)) is None
    for clock, said in (
        (lambda t, T: t * T / 1000, "told t itself"),
        (lambda t, T: t / 1000, "told t / T"),
        (lambda t, T: t * T / (T + 1), "T is one too large"),
        (lambda t, T: t - 1000 / T, "the time of step 19"),
        (lambda t, T: t + 1000 / T, "the time of step 21"),
        (lambda t, T: t * 0.9, "it should be 1e+03"),
    ):
        assert said in hint(law, walk, asked(clock)), said
    assert "never asked" in hint(law, walk, lambda predict, x, a, g: x)
    assert "asked about 8 pictures" in hint(
        law, walk, lambda p, *rest: walk(lambda x, t: (p(x, t) + p(x, t)) / 2, *rest)
    )
    assert "at 6 times, it should be asked at 7" in hint(
        laws.asks(T=(7,)), walk, lambda p, *rest: walk(lambda x, t: p(x, t) if t[0] > 150 else x, *rest)
    )
    assert "right picture at the time 1000" in hint(law, walk, lambda p, x, a, g: walk(p, -x, a, g))


def drawn(make):
    """A law about noise, and an answer that adds what `make` gives."""
    return laws.noise(lambda answer: answer(None)), lambda _: make(torch.Generator().manual_seed(0))


def normal(g, *shape):
    return torch.randn(*(shape or (12, 6, 3, 8, 8)), generator=g)


NOISE = {
    "none": (lambda g: 0 * normal(g), "no noise is added"),
    "variance": (lambda g: 0.7 * normal(g), "the noise has the variance 0.5, it should be 1"),
    "even": (lambda g: torch.rand(12, 6, 3, 8, 8, generator=g), "not torch.rand"),
    "even of variance 1": (lambda g: 12**0.5 * (torch.rand(12, 6, 3, 8, 8, generator=g) - 0.5), "is not normal"),
    "shifted": (lambda g: normal(g) + 0.1, "the mean 0."),
    "signs": (lambda g: normal(g).sign(), "fourth moment"),
    "cut": (lambda g: normal(g).clamp(-2, 2) / 0.9594, "fourth moment"),
    "one for all steps": (lambda g: normal(g, 1, 6, 3, 8, 8).expand(12, -1, -1, -1, -1), "every step adds the same"),
    "one for all pictures": (
        lambda g: normal(g, 12, 1, 3, 8, 8).expand(-1, 6, -1, -1, -1),
        "all pictures of the batch",
    ),
    "one for all channels": (lambda g: normal(g, 12, 6, 1, 8, 8).expand(-1, -1, 3, -1, -1), "all channels get"),
    "mirrored": (lambda g: torch.cat([z := normal(g, 12, 3, 3, 8, 8), -z], 1), "depends on that of another"),
    "smooth": (lambda g: (z := normal(g)) / 2**0.5 + z.roll(1, 3) / 2**0.5, "one row depends on that of another"),
    "loud step": (lambda g: normal(g) * torch.tensor([2.0, *[0.853] * 11]).reshape(-1, 1, 1, 1, 1), "the 1st"),
}


@pytest.mark.parametrize(("make", "said"), NOISE.values(), ids=NOISE)
def test_what_is_no_noise_is_told_apart(make, said):
    law, answer = drawn(make)
    assert said in hint(law, lambda _: None, answer)


def test_noise_is_accepted_whatever_the_seed():
    for seed in range(40):
        z = torch.randn(12, 6, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        assert laws.unlike_noise(z) is None


def test_noise_comes_from_the_generator():
    law = laws.generator()

    def other_draw(predict, x, a, g):
        return walk(predict, x + 0 * torch.randn(3, generator=g).sum(), a, g)

    def own(seed):
        def answer(predict, x, a, g):
            torch.randn(1, generator=g)
            if seed is not None:
                torch.manual_seed(seed)
            return walk(predict, x, a, torch.Generator().manual_seed(int(torch.randint(9**9, ()))))

        return answer

    assert hint(law, walk, other_draw) is None
    assert "gives two different results" in hint(law, walk, own(None))
    assert "two calls with one generator" in hint(law, walk, own(1))
    again = lambda p, x, a, g: walk(p, x, a, torch.Generator().manual_seed(g.initial_seed()))  # noqa: E731
    assert "never used" in hint(law, walk, again)


def test_all_that_a_sampler_draws_is_looked_at():
    law = laws.distribution()
    for variance in ("beta", "beta-tilde"):
        right = lambda p, x, a, g, v=variance: samplers.sample_ddpm(p, x, a, g, variance=v, clip=True)  # noqa: E731
        assert hint(law, walk, right) is None

    def with_noise(scale):
        def answer(predict, x, a, g):
            for t in range(len(a) - 1, 0, -1):
                x = samplers.p_sample(predict, x, t, a, scale(torch.randn(x.shape, generator=g)).to(x))
            return x

        return answer

    assert "makes up" in hint(law, walk, with_noise(lambda z: 0.5 * z))
    assert "on the way" in hint(law, walk, with_noise(lambda z: 1.3 * z))
    assert "none of the three" in hint(law, walk, lambda *given: walk(*given) + 0.1)


def test_a_result_that_keeps_its_graph_is_told():
    law = laws.gradients(none=True)
    assert "memory fills up" in hint(law, walk, lambda *given: walk(*given) + 0)
    assert hint(law, walk, torch.no_grad()(lambda *given: walk(*given))) is None


def test_two_numbers_differ_as_printed():
    for a, b in itertools.pairwise([0.1, 0.10000001, 0.5, 0.5004, 1e-9, 0.0]):
        one, other = apart(a, b)
        assert one != other and float(one) == pytest.approx(a, rel=1e-2)
    assert "at [1]" in difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]), 1e-6)
    assert "2 results, there should be 1" in difference([1.0, 2.0], 1.0, 1e-6)


def test_a_class_or_a_factory_is_tried_through_what_it_makes():
    def makes(scale):
        return lambda x: scale * x

    given = {"names": ("x",), "via": lambda answer: answer(3.0)}
    assert hint(laws.by_itself(), makes, makes, **given) is None
    assert "changes the tensors" in hint(laws.unchanged(), makes, lambda s: lambda x: x.mul_(s), **given)
    with pytest.raises(KeyError, match="does not know how to make 'colour'"):
        laws.Inputs(names=("colour",)).values(makes, laws.Sizes())
