"""Checks of how a classifier learns from noisy pictures, and of the gradient that it gives."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import diffusion, guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson11.checks.inputs import SHAPE, Bent, clock, long, scores, short

noisy_classifier_loss = Exercise(
    "noisy_classifier_loss",
    reference=guidance.noisy_classifier_loss,
    inputs=laws.Inputs(first=0, make={"classifier": scores}),
    laws=(
        laws.unchanged(),
        laws.gradients("classifier"),
        laws.asks(T=(20, 7)),
        laws.by_itself(mean=True),
        laws.dtypes(None),
        laws.layouts(),
        laws.any_size(),
    ),
)

Y = torch.tensor([2, 0, 1, 2, 2])


def _batch(T: int) -> tuple[Tensor, Tensor, Tensor]:
    """x0, t, eps: five pictures, each at its own step of T."""
    t = torch.tensor([1, 3 * T // 10, T // 2, 8 * T // 10, T])
    return normal(5, *SHAPE, seed=3), t, normal(5, *SHAPE, seed=4)


@noisy_classifier_loss.part
def loss_sees_the_noisy_picture(answer: Answer) -> None:
    net = Bent()
    x0, t, eps = _batch(1000)
    answer(net, x0, Y.clone(), t, long(), eps)
    x, _ = net.asked(len(x0))
    a = long()[t].reshape(-1, 1, 1, 1)
    expect(x.shape == x0.shape, f"the classifier is shown {tuple(x.shape)}, it should be shown {tuple(x0.shape)}.")
    expect(
        not close(x, x0),
        "the classifier is shown the clean pictures x0: it would learn nothing about noisy ones. `q_sample` makes x_t.",
    )
    expect(not close(x, x0 + eps), "the noise is added at full strength: `q_sample` mixes by alpha_bar_t.")
    expect(not close(x, (1 - a).sqrt() * x0 + a.sqrt() * eps), "picture and noise have changed places: see `q_sample`.")
    expect(close(x, diffusion.q_sample(x0, t, long(), eps)), "the classifier is not shown x_t: use `q_sample`.")


@noisy_classifier_loss.part
def loss_tells_the_time(answer: Answer) -> None:
    net = Bent()
    x0, t, eps = _batch(100)
    answer(net, x0, Y.clone(), t, short(), eps)
    told = net.asked(len(x0))[1].double()
    expect(
        not close(told, t.double()),
        "with T = 100 the classifier is told the step itself, at pure noise 100: it knows times on the scale 0 to "
        "1000. `model_time(t, T)` converts.",
    )
    expect(not close(told, t / 100), "the classifier is told t / T, from 0 to 1: the scale goes to 1000.")
    expect(close(told, 10.0 * t), "the classifier is told the wrong time: `model_time(t, T)` gives it.")


@noisy_classifier_loss.part
def loss_has_the_right_value(answer: Answer) -> None:
    net = Bent()
    x0, t, eps = _batch(1000)
    got = answer(net, x0, Y.clone(), t, long(), eps)
    expect(isinstance(got, Tensor), f"the result is a {type(got).__name__}, it should be a tensor.")
    expect(
        got.numel() == 1,
        f"the result has shape {tuple(got.shape)}: a loss is one number, the mean over the batch.",
    )
    said = Bent()(diffusion.q_sample(x0, t, long(), eps), t.double())
    log_p = said.log_softmax(dim=1)
    taken = log_p.gather(1, Y[:, None])
    expect_values(
        got.reshape(()),
        F.cross_entropy(said, Y),
        {
            "this is the sum over the batch: the loss is the mean.": F.cross_entropy(said, Y, reduction="sum"),
            "the sign is wrong: this loss falls when the classifier gets worse.": taken.mean(),
            "the softmax is taken twice: `F.cross_entropy` wants scores and does it itself.": (
                F.cross_entropy(said.softmax(dim=1), Y)
            ),
            "`F.nll_loss` wants logarithms of probabilities: `log_softmax`, not `softmax`.": (
                -said.softmax(dim=1).gather(1, Y[:, None]).mean()
            ),
            "`F.nll_loss` wants logarithms of probabilities, and gets plain scores.": (
                -said.gather(1, Y[:, None]).mean()
            ),
            "the softmax runs over the batch: its probabilities should add up to 1 for each picture, dim=1.": (
                -said.log_softmax(dim=0).gather(1, Y[:, None]).mean()
            ),
        },
        "the loss is {}, it should be {}: the cross entropy of the classifier's scores and y.".format(
            *apart(float(got), F.cross_entropy(said, Y).item())
        ),
        tolerance=1e-5,
    )


def _history(trial: laws.Trial) -> str | None:
    """No history is left in the result, even where the classifier's weights learn."""
    with torch.enable_grad():
        got = trial.answer(trial.values(learns=True))
    if not isinstance(got, Tensor) or not got.requires_grad:
        return None
    return "the result still carries its history: over many steps that fills the memory. Leave out `create_graph`."


classifier_gradient = Exercise(
    "classifier_gradient",
    reference=guidance.classifier_gradient,
    inputs=laws.Inputs(make={"classifier": scores, "t": clock}),
    laws=(
        laws.unchanged(),
        laws.asks(T=(20,)),
        laws.by_itself(),
        laws.Law("gradients", _history),
        laws.dtypes("x"),
        laws.layouts(),
        laws.any_size(T=()),
    ),
)


def _gradient(x: Tensor, t: Tensor, y: Tensor, what: Callable[[Tensor], Tensor]) -> Tensor:
    """The gradient of a scalar function of Bent's scores, with respect to x."""
    seen = x.detach().clone().requires_grad_(True)
    return torch.autograd.grad(what(Bent()(seen, t)), seen)[0]


@classifier_gradient.part
def gradient_has_the_right_values(answer: Answer) -> None:
    x, t = normal(5, *SHAPE, seed=5), torch.tensor([1.0, 250.0, 500.0, 750.0, 1000.0])
    got = expect_tensor(answer(Bent(), x, t, Y.clone()), tuple(x.shape))
    picked = Y[:, None]

    def of(what: Callable[[Tensor], Tensor]) -> Tensor:
        return _gradient(x, t, Y, what)

    right = of(lambda s: s.log_softmax(dim=1).gather(1, picked).sum())
    expect_values(
        got,
        right,
        {
            "the gradient is 5 times too small in a batch of 5: a mean over the batch divides each picture's gradient "
            "by B. Take the sum, then each picture gets its own.": right / 5,
            "the sign is wrong, and it is 5 times too small: this is the gradient of the loss, which is minus the mean "
            "of the log-probabilities.": -right / 5,
            "the sign is wrong: this way the classifier believes in y less and less. It is log p that has to rise, not "
            "the loss.": -right,
            "this is the gradient of the probability, not of its logarithm: where the classifier gives y no chance it "
            "is next to 0, and there steering is needed most. Use `log_softmax`.": (
                of(lambda s: s.softmax(dim=1).gather(1, picked).sum())
            ),
            "this is the gradient of the mean probability: take the logarithm, and the sum.": (
                of(lambda s: s.softmax(dim=1).gather(1, picked).mean())
            ),
            "this is the gradient of the score of y, before the softmax: it does not know that the other classes have "
            "to lose. Use `log_softmax`.": of(lambda s: s.gather(1, picked).sum()),
            "this is the gradient of all classes together: pick that of y, for each picture its own.": (
                of(lambda s: s.log_softmax(dim=1).sum())
            ),
            "all pictures are pushed towards all classes in y: pair each picture with its own, by `gather` or "
            "`[torch.arange(len(x)), y]`.": of(lambda s: s.log_softmax(dim=1)[:, Y].sum()),
            "this pushes each picture towards the class it is already most like: y says which it should become.": (
                of(lambda s: s.log_softmax(dim=1).amax(dim=1).sum())
            ),
            "the softmax runs over the batch: the probabilities of one picture should add up to 1, dim=1.": (
                of(lambda s: s.log_softmax(dim=0).gather(1, picked).sum())
            ),
            "each gradient is brought to length 1: how long it is says how much is left to do.": (
                torch.nn.functional.normalize(right.flatten(1), dim=1).reshape(right.shape)
            ),
            "only the sign of each number is left: the gradient itself is wanted.": right.sign(),
        },
        "the values are wrong: take the log-probability of y for each picture, sum over the batch, and differentiate "
        "with respect to x.",
    )


@classifier_gradient.part
def gradient_is_the_slope(answer: Answer) -> None:
    x, t, y = normal(2, *SHAPE, seed=7), torch.tensor([300.0, 900.0]), torch.tensor([1, 0])
    got = expect_tensor(answer(Bent(), x, t, y), tuple(x.shape))
    way, h = normal(2, *SHAPE, seed=8), 1e-5

    def log_p(at: Tensor) -> Tensor:
        return Bent()(at, t).log_softmax(dim=1).gather(1, y[:, None])[:, 0]

    slope = (log_p(x + h * way) - log_p(x - h * way)) / (2 * h)
    expect(
        close((got * way).flatten(1).sum(dim=1), slope, 1e-4),
        "along a random direction log p(y | x) rises otherwise than your gradient says: is the classifier asked about "
        "the same x and t?",
    )
