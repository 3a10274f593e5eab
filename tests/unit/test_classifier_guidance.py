"""The gradient, its two ways into a sampler, and the classifier that gives it."""

import pytest
import torch
import torch.nn.functional as F

from course_utils import guidance, pretrained, samplers
from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule
from course_utils.errors import CourseError
from course_utils.guidance import Mixture
from course_utils.models import NoisyClassifier

ALPHA_BAR = alpha_bars(cosine_schedule(1000))
SHARES = torch.tensor([0.6, 0.4], dtype=torch.float64)
WORLD = Mixture(torch.tensor([[-1.0, 0.0], [0.5, 0.5]], dtype=torch.float64), 0.4, SHARES)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    made = NoisyClassifier(3, 4, width=8).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


def pictures(n, size=16, seed=0):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [16, 32, 20])
def test_the_classifier_reads_pictures_of_several_sizes(net, size):
    assert net(pictures(2, size), torch.tensor([0.0, 1000.0])).shape == (2, 4)


def test_the_classifier_hears_the_time(net):
    x = pictures(1)
    assert not torch.allclose(net(x, torch.tensor([100.0])), net(x, torch.tensor([900.0])))


def test_a_picture_is_read_alike_in_any_company(net):
    x, t = pictures(5), torch.tensor([0.0, 100.0, 300.0, 700.0, 1000.0])
    assert torch.allclose(net(x, t)[2:3], net(x[2:3], t[2:3]))


def test_impossible_classifiers_are_refused(net):
    with pytest.raises(CourseError, match="multiple of 8"):
        NoisyClassifier(3, 10, width=12)
    with pytest.raises(CourseError, match="halves a picture twice"):
        net(pictures(1, 18), torch.zeros(1))


def test_the_gradient_is_that_of_autograds_checker(net):
    x, t, y = pictures(2, 8), torch.tensor([200.0, 800.0]), torch.tensor([1, 3])

    def log_p(x):
        return -F.cross_entropy(net(x, t), y, reduction="none")

    want = torch.autograd.functional.jacobian(log_p, x).diagonal(dim1=0, dim2=1).permute(3, 0, 1, 2)
    assert torch.allclose(guidance.classifier_gradient(net, x, t, y), want)


def test_the_gradient_leaves_nothing_behind(net):
    net.zero_grad()
    x = pictures(2)
    with torch.no_grad():  # a sampler's own habit must not turn it off
        g = guidance.classifier_gradient(net, x, torch.zeros(2), torch.tensor([0, 1]))
    assert not g.requires_grad and not x.requires_grad and g.abs().sum() > 0
    assert all(p.grad is None for p in net.parameters())


def test_the_gradient_keeps_the_dtype(net):
    single = NoisyClassifier(3, 4, width=8)
    g = guidance.classifier_gradient(single, pictures(2).float(), torch.zeros(2), torch.tensor([0, 1]))
    assert g.dtype == torch.float32


def test_one_class_a_picture(net):
    with pytest.raises(CourseError, match="one class a picture"):
        guidance.classifier_gradient(net, pictures(3), torch.zeros(3), torch.tensor([0, 1]))


def test_scales_variances_and_times_of_each_picture():
    mean, g = pictures(3), pictures(3, seed=1)
    scale, variance = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    got = guidance.guided_mean(mean, variance, g, scale)
    for k in range(3):
        alone = guidance.guided_mean(mean[k : k + 1], float(variance[k]), g[k : k + 1], float(scale[k]))
        assert torch.allclose(got[k : k + 1], alone)
    t = torch.tensor([10, 500, 990])
    got = guidance.guided_eps(mean, g, t, ALPHA_BAR, scale)
    assert torch.equal(got[0], mean[0])
    assert torch.allclose(got[2], mean[2] - 2 * (1 - ALPHA_BAR[990]).sqrt() * g[2])


def test_where_no_scale_is_above_zero_the_classifier_is_not_asked():
    def never(x, t):
        raise AssertionError("asked")

    plain = WORLD.predict(ALPHA_BAR)
    guided = guidance.classifier_predict(plain, never, torch.tensor([0]), 0.0, ALPHA_BAR)
    x, t = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([500.0])
    assert torch.equal(guided(x, t), plain(x, t))


def test_ddpm_with_scale_zero_is_ddpm():
    x_T = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    predict, classifier = WORLD.predict(ALPHA_BAR), WORLD.classifier(ALPHA_BAR)
    got = guidance.sample_guided_ddpm(
        predict, classifier, x_T, torch.zeros(4).long(), ALPHA_BAR, 20, torch.Generator().manual_seed(1), 0.0
    )
    want = samplers.sample_ddpm(predict, x_T, ALPHA_BAR, torch.Generator().manual_seed(1), steps=20)
    assert torch.allclose(got, want)


def test_the_loss_is_the_cross_entropy_of_noised_pictures():
    x0, y, eps = pictures(4), torch.tensor([0, 1, 2, 3]), pictures(4, seed=3)
    t, short = torch.tensor([1, 20, 50, 100]), alpha_bars(linear_schedule(100))
    seen = []

    def classifier(x, time):
        seen.append((x, time))
        return x.flatten(1)[:, :4]

    got = guidance.noisy_classifier_loss(classifier, x0, y, t, short, eps)
    a = short[t].reshape(-1, 1, 1, 1)
    assert torch.allclose(seen[0][0], a.sqrt() * x0 + (1 - a).sqrt() * eps)
    assert seen[0][1].tolist() == [10, 200, 500, 1000]
    assert torch.allclose(got, F.cross_entropy(seen[0][0].flatten(1)[:, :4], y))


@pytest.mark.parametrize(
    ("means", "std", "shares"),
    [
        (torch.zeros(2), 0.5, SHARES),
        (torch.zeros(3, 2), 0.5, SHARES),
        (torch.zeros(2, 2), 0.0, SHARES),
        (torch.zeros(2, 2), 0.5, torch.tensor([0.5, 0.4])),
        (torch.zeros(2, 2), 0.5, torch.tensor([1.0, 0.0])),
    ],
)
def test_impossible_mixtures_are_refused(means, std, shares):
    with pytest.raises(CourseError, match="mixture has"):
        Mixture(means, std, shares)


def test_times_that_can_be_read():
    generator = torch.Generator().manual_seed(0)
    t = pretrained.readers.readable_times(20_000, 1000, generator)
    assert t.dtype == torch.int64 and t.min() >= 1 and t.max() <= 1000
    assert abs((t <= 250).double().mean().item() - 0.5) < 0.02


@pytest.mark.parametrize("clean", [True, False])
def test_batches_to_learn_from(clean):
    images, labels = torch.zeros(7, 1, 8, 8), torch.arange(7)
    x0, y, t, eps = next(pretrained.reading_batches(images, labels, 100, size=32, clean=clean))
    assert x0.shape == (32, 1, 8, 8) and y.shape == t.shape == (32,) and eps.std() > 0.9
    assert bool((t == 0).all()) == clean


def test_accuracy_falls_with_noise():
    means = torch.stack([torch.full((1, 4, 4), v) for v in (-0.5, 0.5)])
    x0, y = means.repeat(200, 1, 1, 1), torch.arange(2).repeat(200)

    def nearest(x, t):
        return -torch.cdist(x.flatten(1), means.flatten(1))

    found = pretrained.accuracy_by_time(nearest, x0, y, (0, 600, 1000), ALPHA_BAR)
    assert found[0] == 1 and found[0] >= found[1] > 0.6 > found[2]


def test_weights_of_another_schedule_are_refused(monkeypatch):
    monkeypatch.setattr(pretrained.readers.weights, "available", lambda name: True)
    monkeypatch.setattr(pretrained.readers.weights, "card", lambda name: {"schedule": "other, T = 7", "classes": []})
    assert not pretrained.available_noisy_classifier("flowers")
    with pytest.raises(CourseError, match="another schedule"):
        pretrained.noisy_classifier("flowers")


def test_distance_within_a_class_does_not_look_across():
    from course_utils.lessons.lesson11.studies import distance_within

    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [100.0, 0.0], [100.0, 1.0]], dtype=torch.float64)
    assert distance_within(features, torch.tensor([0, 0, 1, 1])) == pytest.approx((5 + 1) / 2)
