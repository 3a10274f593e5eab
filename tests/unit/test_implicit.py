"""The classifier that a class-conditional diffusion model is, and the loss that drops conditions."""

import pytest
import torch

from course_utils import diffusion, guidance
from course_utils.errors import CourseError

T, K = 100, 3
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
PICTURES = torch.randn(K, 1, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


def normal(seed, *shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


class Garden:
    """One picture a class, and the mean of all for the null class: the noise is what is not picture."""

    classes = K

    def __call__(self, x, t, cond):
        a = ALPHA_BAR[diffusion.schedule_step(t, T)].reshape(-1, 1, 1, 1).to(x)
        known = torch.cat([PICTURES, PICTURES.mean(0, keepdim=True)])[cond]
        return (x - a.sqrt() * known) / (1 - a).sqrt()


def test_the_class_of_a_known_picture_is_read():
    labels = torch.tensor([2, 0, 1, 1])
    for step in (5, 40, 80):
        t = torch.full((4,), step)
        fits = guidance.implicit_class(Garden(), PICTURES[labels], t, ALPHA_BAR, normal(step, 4, 1, 4, 4))
        assert fits.shape == (4, K)
        assert fits.argmax(dim=1).tolist() == labels.tolist()
        torch.testing.assert_close(fits.amax(dim=1), torch.zeros(4), atol=1e-4, rtol=0)  # explained without a rest


def test_fits_are_half_the_squared_error():
    x0, eps, t = normal(1, 2, 1, 4, 4), normal(2, 2, 1, 4, 4), torch.tensor([30, 60])
    fits = guidance.implicit_class(Garden(), x0, t, ALPHA_BAR, eps)
    a = ALPHA_BAR[t].reshape(-1, 1, 1, 1).float()
    for k in range(K):
        off = a.sqrt() * (x0 - PICTURES[k]) / (1 - a).sqrt()
        torch.testing.assert_close(fits[:, k], -0.5 * off.square().flatten(1).sum(1), rtol=1e-4, atol=1e-4)


def test_accuracy_adds_up_its_draws():
    labels = torch.tensor([0, 1, 2])
    share, total = guidance.implicit_accuracy(
        Garden(), PICTURES, labels, 50, ALPHA_BAR, torch.Generator().manual_seed(3), draws=2
    )
    assert share == 1.0
    generator = torch.Generator().manual_seed(3)
    t, both = torch.full((3,), 50), 0
    for _ in range(2):
        both = both + guidance.implicit_class(
            Garden(), PICTURES, t, ALPHA_BAR, torch.randn(PICTURES.shape, generator=generator)
        )
    torch.testing.assert_close(total, both)


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_gradient_does_not_depend_on_what_is_predicted(kind):
    x, y, t = normal(4, K, 1, 4, 4), torch.arange(K), torch.tensor([20, 50, 90])

    class Other(Garden):
        def __call__(self, x, t, cond):
            eps, step = super().__call__(x, t, cond), diffusion.schedule_step(t, T)
            x0 = diffusion.recover_x0(x, step, ALPHA_BAR, eps)
            return diffusion.target(kind, x0, eps, step, ALPHA_BAR)

    got = guidance.implicit_gradient(Other(), y, x, t, ALPHA_BAR, kind)
    a = ALPHA_BAR[t].reshape(-1, 1, 1, 1).float()
    want = a.sqrt() * (PICTURES - PICTURES.mean(0)) / (1 - a)
    assert got.dtype == x.dtype
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


def test_gradient_is_what_guide_adds():
    """guide = eps_cond - w sqrt(1 - alpha_bar) grad log p(y | x): classifier guidance by the implicit classifier."""
    x, y, t, w = normal(5, K, 1, 4, 4), torch.arange(K), torch.full((K,), 40), 2.5
    gradient = guidance.implicit_gradient(Garden(), y, x, t, ALPHA_BAR)
    time = diffusion.model_time(t, T)
    guided = guidance.guided_predict(Garden(), y, w, alpha_bar=ALPHA_BAR)(x, time)
    shifted = guidance.guided_eps(Garden()(x, time, y), gradient, t, ALPHA_BAR, w)
    torch.testing.assert_close(guided, shifted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("step", [0, T + 1])
def test_steps_without_noise_get_a_sentence(step):
    x, y, t = normal(6, 1, 1, 4, 4), torch.tensor([0]), torch.tensor([step])
    with pytest.raises(CourseError, match="noise at the steps 1 to 100"):
        guidance.implicit_gradient(Garden(), y, x, t, ALPHA_BAR)
    with pytest.raises(CourseError, match="noise at the steps 1 to 100"):
        guidance.implicit_class(Garden(), x, t, ALPHA_BAR, x)


def test_loss_is_the_diffusion_loss_of_the_dropped_classes():
    x0, eps, t = normal(7, 4, 1, 4, 4), normal(8, 4, 1, 4, 4), torch.tensor([10, 30, 60, 90])
    cond, mask = torch.tensor([0, 1, 2, 0]), torch.tensor([True, False, False, True])
    seen = []

    def model(x, t, cond):
        seen.append(cond)
        return 0.5 * x

    got = guidance.cfg_loss(model, x0, cond, t, ALPHA_BAR, eps, mask, K)
    assert seen[0].tolist() == [K, 1, 2, K]
    assert cond.tolist() == [0, 1, 2, 0]
    want = diffusion.diffusion_loss(lambda x, t, c: 0.5 * x, x0, t, ALPHA_BAR, eps, kind="v")
    torch.testing.assert_close(got, want)
    with pytest.raises(CourseError, match="one entry an image"):
        guidance.cfg_loss(model, x0, cond, t, ALPHA_BAR, eps, torch.rand(4, 512) < 0.1, K)
