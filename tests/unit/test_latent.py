"""Noise as a code for pictures, and what a sampler is given to ask: identities, edges, and bad input."""

import pytest
import torch
from torch import nn

from course_utils import diffusion, samplers
from course_utils.errors import CourseError

T = 30
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
SHAPE = (4, 2, 3, 3)


def normal(seed, *shape, dtype=torch.float64):
    return torch.randn(*(shape or SHAPE), dtype=dtype, generator=torch.Generator().manual_seed(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def predict(x, t):
    """A noise that bends with x and t."""
    return 0.8 * torch.sin(x + t.to(x).reshape(-1, *[1] * (x.ndim - 1)) / 300)


# ---------------------------------------------------------------- noise as a code


def test_slerp_by_hand():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    for u in (0.0, 0.25, 0.5, 1.0):
        angle = torch.tensor(u * torch.pi / 2)
        torch.testing.assert_close(samplers.slerp(a, b, u), torch.stack([angle.cos(), angle.sin()])[None])


def test_slerp_keeps_the_length_and_turns_at_an_even_pace():
    a, b = normal(0, 3, 4, 8, 8), normal(1, 3, 4, 8, 8)
    b = b / b.flatten(1).norm(dim=1).reshape(3, 1, 1, 1) * a.flatten(1).norm(dim=1).reshape(3, 1, 1, 1)
    way = torch.stack([samplers.slerp(a, b, u) for u in torch.linspace(0, 1, 6).tolist()]).flatten(2)  # (6, 3, D)
    torch.testing.assert_close(way.norm(dim=2), way[:1].norm(dim=2).expand(6, 3))
    turns = torch.cosine_similarity(way[1:], way[:-1], dim=2).acos()
    torch.testing.assert_close(turns, turns[:1].expand(5, 3))
    torch.testing.assert_close(way[0], a.flatten(1))
    torch.testing.assert_close(way[-1], b.flatten(1))


def test_slerp_goes_image_by_image():
    a, b, u = normal(0), normal(1), torch.tensor([0.0, 0.2, 0.9, 1.0])
    got = samplers.slerp(a, b, u)
    for k in range(4):
        torch.testing.assert_close(got[k : k + 1], samplers.slerp(a[k : k + 1], b[k : k + 1], u[k].item()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slerp_of_the_same_and_of_opposites_is_finite(dtype):
    a = normal(0).to(dtype)
    same = samplers.slerp(a, a.clone(), 0.3)
    assert same.dtype == dtype
    torch.testing.assert_close(same, a)
    torch.testing.assert_close(samplers.slerp(a, 3 * a, 0.5), 2 * a)
    assert samplers.slerp(a, -a, 0.5).isfinite().all()


def test_slerp_of_two_shapes_gets_a_sentence():
    with pytest.raises(CourseError, match="partner of its own shape"):
        samplers.slerp(normal(0), normal(1, 4, 2, 3, 2), 0.5)


def test_inversion_comes_nearer_with_more_steps():
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(400))
    x0, errors = normal(4), []
    for steps in (10, 40, 160):
        x_T = samplers.ddim_invert(predict, x0, alpha_bar, steps)
        errors.append((samplers.sample_ddim(predict, x_T, alpha_bar, steps) - x0).abs().mean().item())
    assert errors[0] > errors[1] > errors[2]


def test_inversion_never_asks_about_time_0():
    asked = []

    def noting(x, t):
        asked.extend(t.tolist())
        return predict(x, t)

    samplers.ddim_invert(noting, normal(0), ALPHA_BAR, 5)
    assert asked[::4] == [200, 400, 600, 800, 1000]


def test_truncation_noises_the_guess_and_goes_on_from_there():
    guess, eps = normal(0), normal(1)
    x_12 = diffusion.q_sample(guess, torch.full((4,), 12), ALPHA_BAR, eps)
    want = samplers.sample_ddim(predict, x_12, ALPHA_BAR, 4, start=12)
    assert torch.equal(samplers.sample_truncated(predict, guess, 12, ALPHA_BAR, 4, eps), want)


# ---------------------------------------------------------------- predict


class Net(nn.Module):
    """Notes how it is called."""

    def __init__(self, outputs=2):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.outputs, self.seen = outputs, []

    def forward(self, x, t, cond=None):
        self.seen.append((self.training, cond))
        return self.scale * x.sin().repeat(1, self.outputs // x.shape[1], *[1] * (x.ndim - 2))


def test_a_model_is_asked_without_gradients_and_in_evaluation_mode():
    net, labels = Net(), torch.tensor([1, 2, 3, 4])
    eps = samplers.as_predict(net, labels)(normal(0), torch.ones(4))
    assert not eps.requires_grad and eps.dtype == torch.float64
    assert net.seen == [(False, labels)] and net.training  # and it is in training again afterwards
    net.eval()
    samplers.as_predict(net)(normal(0), torch.ones(4))
    assert net.seen[-1] == (False, None) and not net.training


@pytest.mark.parametrize("kind", ["x0", "v"])
def test_other_kinds_are_translated_to_noise(kind):
    x0, eps, t = normal(0), normal(1), torch.tensor([1, 9, 20, T])
    x_t = diffusion.q_sample(x0, t, ALPHA_BAR, eps)
    said = diffusion.target(kind, x0, eps, t, ALPHA_BAR)
    ask = samplers.as_predict(lambda x, t, cond: said, kind=kind, alpha_bar=ALPHA_BAR)
    torch.testing.assert_close(ask(x_t, diffusion.model_time(t, T)), eps, rtol=1e-6, atol=1e-6)


def test_of_a_learned_variance_only_the_noise_is_passed_on_unless_asked():
    net, x = Net(outputs=4), normal(0)
    assert samplers.as_predict(net)(x, torch.ones(4)).shape == x.shape
    both = samplers.as_predict(net, variance=True)(x, torch.ones(4))
    assert both.shape == (4, 4, 3, 3)
    drawn = samplers.sample_ddpm(
        samplers.as_predict(net, variance=True), x, ALPHA_BAR, seeded(), variance="learned", steps=5
    )
    assert drawn.shape == x.shape and drawn.isfinite().all()


def test_a_wrong_kind_or_a_missing_schedule():
    with pytest.raises(CourseError, match="kind is 'noise'"):
        samplers.as_predict(Net(), kind="noise")
    with pytest.raises(CourseError, match="predicts v, give the schedule's alpha_bar"):
        samplers.as_predict(Net(), kind="v")


def test_the_ideal_predict_is_the_noise_of_the_ideal_denoiser():
    data, x, t = normal(0, 6, 2, 3, 3), normal(1), torch.tensor([1, 9, 20, T])
    eps = samplers.ideal_predict(data, ALPHA_BAR)(x, diffusion.model_time(t, T))
    x0_hat = diffusion.ideal_denoiser(x, t, ALPHA_BAR, data)
    torch.testing.assert_close(diffusion.q_sample(x0_hat, t, ALPHA_BAR, eps), x)
