"""What people answer in lesson 10."""

import math

import numpy as np
import scipy.linalg
import torch
from scipy.stats import norm

from course_utils import diffusion, metrics
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- frechet_distance ---


def moments(a, b):
    """What the formula is made of: the squared distance of the means, and the two covariances."""
    a, b = a.double(), b.double()
    return (a.mean(0) - b.mean(0)).square().sum(), a.T.cov(), b.T.cov()


def root_trace(c_a, c_b):
    return torch.linalg.eigvals(c_a @ c_b).real.clamp(min=0).sqrt().sum()


@mistake("frechet_distance", "takes its variables as rows")
def frechet_over_the_wrong_axis(a, b):
    means, c_a, c_b = (a.mean(0) - b.mean(0)).square().sum(), a.cov(), b.cov()
    return (means + c_a.trace() + c_b.trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "averaged over the features")
def frechet_with_a_mean(a, b):
    _, c_a, c_b = moments(a, b)
    means = (a.mean(0) - b.mean(0)).square().mean()
    return (means + c_a.trace() + c_b.trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "distance is not squared")
def frechet_with_a_norm(a, b):
    means, c_a, c_b = moments(a, b)
    return (means.sqrt() + c_a.trace() + c_b.trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "has no root")
def frechet_without_the_root(a, b):
    means, c_a, c_b = moments(a, b)
    return (means + (c_a + c_b - 2 * c_a @ c_b).trace()).item()


@mistake("frechet_distance", "element by element")
def frechet_with_a_root_of_each_element(a, b):
    means, c_a, c_b = moments(a, b)
    return (means + c_a.trace() + c_b.trace() - 2 * (c_a @ c_b).sqrt().trace()).item()


@mistake("frechet_distance", "multiplies the two matrix roots")
def frechet_with_two_roots(a, b):
    means, c_a, c_b = moments(a, b)
    roots = [torch.from_numpy(np.real(scipy.linalg.sqrtm(c.numpy()))) for c in (c_a, c_b)]
    return (means + c_a.trace() + c_b.trace() - 2 * (roots[0] @ roots[1]).trace()).item()


@mistake("frechet_distance", "only the variances are compared")
def frechet_of_the_diagonals(a, b):
    return ((a.mean(0) - b.mean(0)).square().sum() + (a.std(0) - b.std(0)).square().sum()).item()


@mistake("frechet_distance", "this is d")
def frechet_with_a_root_at_the_end(a, b):
    return metrics.frechet_distance(a, b) ** 0.5


@mistake("frechet_distance", "factor 2")
def frechet_without_the_two(a, b):
    means, c_a, c_b = moments(a, b)
    return (means + c_a.trace() + c_b.trace() - root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "divided by N")
def frechet_with_biased_covariances(a, b):
    means, c_a, c_b = moments(a, b)
    c_a, c_b = (c * (len(x) - 1) / len(x) for c, x in ((c_a, a), (c_b, b)))
    return (means + c_a.trace() + c_b.trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "clamp it at 0")
def frechet_with_real_eigenvalues_alone(a, b):
    means, c_a, c_b = moments(a, b)
    values = torch.linalg.eigvals(c_a @ c_b).real
    values = values[values > values.max() * 0.2]  # "the small ones are rounding"
    values = torch.linalg.eigvals(c_a @ c_b).real if len(a) > a.shape[1] else values
    return (means + c_a.trace() + c_b.trace() - 2 * values.abs().sqrt().sum()).item()


@mistake("frechet_distance", "complex number")
def frechet_left_complex(a, b):
    means, c_a, c_b = moments(a, b)
    return means + c_a.trace() + c_b.trace() - 2 * torch.linalg.eigvals(c_a @ c_b).sqrt().sum()


@mistake("frechet_distance", "make both sets float64 first")
def frechet_in_float32(a, b):
    means, c_a, c_b = (a.mean(0) - b.mean(0)).square().sum(), a.T.cov(), b.T.cov()
    return (means + c_a.trace() + c_b.trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "meet float64 ones on the way")
def frechet_with_one_set_in_float64(a, b):
    c_a, c_b = a.double().T.cov(), b.T.cov()
    return ((a.mean(0) - b.mean(0)).square().sum() + (c_a + c_b).trace() - 2 * root_trace(c_a, c_b)).item()


@mistake("frechet_distance", "`a` is another one afterwards")
def frechet_that_centres_in_place(a, b):
    means = (a.mean(0) - b.mean(0)).square().sum()
    a -= a.mean(0)
    return metrics.frechet_distance(a, b - b.mean(0)) + means.item()


@alternative("frechet_distance")
def frechet_in_numpy(a, b):
    x, y = (z.numpy().astype(np.float64) for z in (a, b))
    c_x, c_y = (np.array([[np.cov(z[:, i], z[:, j])[0, 1] for j in range(z.shape[1])] for i in range(z.shape[1])])
                for z in (x, y))  # fmt: skip
    roots = np.sqrt(np.maximum(np.linalg.eigvals(c_y @ c_x).real, 0))
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c_x) + np.trace(c_y) - 2 * roots.sum()


@alternative("frechet_distance")
def frechet_by_scipy(a, b):
    means, c_a, c_b = moments(a, b)
    root = np.real(scipy.linalg.sqrtm((c_a @ c_b).numpy()))
    return float(means + c_a.trace() + c_b.trace()) - 2 * float(np.trace(root))


@alternative("frechet_distance")
def frechet_by_a_symmetric_product(a, b):
    means, c_a, c_b = moments(a, b)
    values, vectors = torch.linalg.eigh(c_a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ c_b @ root).clamp(min=0).sqrt().sum()
    return means + c_a.trace() + c_b.trace() - 2 * shared


# --- extrapolate ---


@mistake("extrapolate", "fit against 1/n")
def line_in_n(counts, values):
    return np.polyfit(counts, values, 1)[1]


@mistake("extrapolate", "this is the slope")
def line_by_its_slope(counts, values):
    return np.polyfit(1 / np.array(counts), values, 1)[0]


@mistake("extrapolate", "1/sqrt(n)")
def line_in_the_root(counts, values):
    return np.polyfit(1 / np.array(counts) ** 0.5, values, 1)[1]


@mistake("extrapolate", "with most images")
def line_ends_at_the_last(counts, values):
    return values[-1]


@mistake("extrapolate", "this is the mean")
def line_is_a_mean(counts, values):
    return sum(values) / len(values)


@mistake("extrapolate", "use all")
def line_through_two(counts, values):
    u = [1 / n for n in counts]
    slope = (values[0] - values[-1]) / (u[0] - u[-1])
    return values[-1] - slope * u[-1]


@mistake("extrapolate", "nothing is cut off")
def line_cut_off(counts, values):
    return max(0.0, np.polyfit(1 / np.array(counts), values, 1)[1])


@alternative("extrapolate")
def line_by_least_squares(counts, values):
    u = 1 / torch.tensor(counts, dtype=torch.float64)
    design = torch.stack([u, torch.ones_like(u)], dim=1)
    return torch.linalg.lstsq(design, torch.tensor(values, dtype=torch.float64)[:, None]).solution[1, 0]


# --- kernel_distance ---


def cube(x, y):
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


@mistake("kernel_distance", "leave the diagonal out")
def kernel_with_the_diagonal(a, b):
    return (cube(a, a).mean() + cube(b, b).mean() - 2 * cube(a, b).mean()).item()


@mistake("kernel_distance", "n * (n - 1) pairs")
def kernel_with_the_wrong_count(a, b):
    within = [(k.sum() - k.trace()) / len(k) ** 2 for k in (cube(a, a), cube(b, b))]
    return (sum(within) - 2 * cube(a, b).mean()).item()


@mistake("kernel_distance", "across the two sets as well")
def kernel_without_any_diagonal(a, b):
    def off(k):
        return (k.sum() - k.trace()) / (k.shape[0] * (k.shape[1] - 1))

    return (off(cube(a, a)) + off(cube(b, b)) - 2 * off(cube(a, b))).item()


@mistake("kernel_distance", "not divided by D")
def kernel_without_the_width(a, b):
    def off(k):
        return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    aa, bb, ab = ((x @ y.T + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    return off(aa) + off(bb) - 2 * ab.mean()


def off_diagonal(k):
    return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))


@mistake("kernel_distance", "the 1 in the kernel is missing")
def kernel_with_no_one(a, b):
    aa, bb, ab = ((x @ y.T / x.shape[1]) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    return off_diagonal(aa) + off_diagonal(bb) - 2 * ab.mean()


@mistake("kernel_distance", "it is a cube")
def kernel_with_a_square(a, b):
    aa, bb, ab = ((x @ y.T / x.shape[1] + 1) ** 2 for x, y in ((a, a), (b, b), (a, b)))
    return off_diagonal(aa) + off_diagonal(bb) - 2 * ab.mean()


@mistake("kernel_distance", "factor 2")
def kernel_without_the_two(a, b):
    return off_diagonal(cube(a, a)) + off_diagonal(cube(b, b)) - cube(a, b).mean()


@mistake("kernel_distance", "as large as the first")
def kernel_with_one_count(a, b):
    n = len(a)
    within = [(k.sum() - k.trace()) / (n * (n - 1)) for k in (cube(a, a), cube(b, b))]
    return sum(within) - 2 * cube(a, b).sum() / n**2


@mistake("kernel_distance", "cut off at 0")
def kernel_never_negative(a, b):
    return max(0.0, metrics.kernel_distance(a, b))


@mistake("kernel_distance", "make both sets float64 first")
def kernel_in_float32(a, b):
    aa, bb, ab = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    return off_diagonal(aa) + off_diagonal(bb) - 2 * ab.mean()


@mistake("kernel_distance", "meet float64 ones on the way")
def kernel_with_one_set_in_float64(a, b):
    aa, bb, ab = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a.double(), b)))
    return off_diagonal(aa) + off_diagonal(bb) - 2 * ab.mean()


@mistake("kernel_distance", "`b` is another one afterwards")
def kernel_that_scales_in_place(a, b):
    return metrics.kernel_distance(a, b) + 0 * float(b.mul_(2).sum())


@mistake("kernel_distance", "two images of one feature each")
def kernel_over_one_axis_too_many(a, b):
    def off(x, y):
        k = (x.double().squeeze(1) @ y.double().squeeze(1).T / x.shape[1] + 1) ** 3
        return k if k.ndim == 0 else (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    return off(a, a) + off(b, b) - 2 * (cube(a, b).mean() if a.shape[1] > 1 else off(a, b))


@alternative("kernel_distance")
def kernel_pair_by_pair(a, b):
    def k(x, y):
        return (float(x.double() @ y.double()) / len(x) + 1) ** 3

    within = [sum(k(x, y) for i, x in enumerate(s) for y in s[:i]) / (len(s) * (len(s) - 1) / 2) for s in (a, b)]
    return sum(within) - 2 * sum(k(x, y) for x in a for y in b) / (len(a) * len(b))


@alternative("kernel_distance")
def kernel_with_a_mask(a, b):
    def off(k):
        return k[~torch.eye(len(k), dtype=torch.bool)].mean()

    return off(cube(a, a)) + off(cube(b, b)) - 2 * cube(a, b).mean()


# --- inception_score ---


@mistake("inception_score", "the score is `exp` of it")
def score_without_exp(p):
    return (p * (p / p.mean(0)).log()).sum(1).mean().item()


@mistake("inception_score", "runs the wrong way")
def score_reversed(p):
    q = p.mean(0)
    return (q * (q / p).log()).sum(1).mean().exp().item()


@mistake("inception_score", "one for each image")
def score_over_the_wrong_axis(p):
    return (p * (p / p.mean(1, keepdim=True)).log()).sum(1).mean().exp().item()


@mistake("inception_score", "first the mean, then `exp`")
def score_with_exp_inside(p):
    return (p * (p / p.mean(0)).log()).sum(1).exp().mean().item()


@mistake("inception_score", "a divergence is a sum")
def score_averaged_over_classes(p):
    return (p * (p / p.mean(0)).log()).mean().exp().item()


@mistake("inception_score", "how sure each image is")
def score_of_the_marginal(p):
    return torch.special.entr(p.mean(0)).sum().exp().item()


@mistake("inception_score", "0 times the logarithm of 0")
def score_with_nan(p):
    return (p * (p / p.mean(0)).log()).sum(1).mean().exp().item()


@alternative("inception_score")
def score_by_entropies(p):
    return (torch.special.entr(p.mean(0)).sum() - torch.special.entr(p).sum(1).mean()).exp()


@alternative("inception_score")
def score_with_a_tiny_number(p):
    return (p * ((p + 1e-12).log() - (p.mean(0) + 1e-12).log())).sum(1).mean().exp().item()


# --- precision_recall ---


def shares(real, fake, k):
    """Distances across (M, N), and radii with k counted from the point itself."""
    return torch.cdist(fake, real), *(torch.cdist(x, x).sort(1).values[:, k] for x in (real, fake))


@mistake("precision_recall", "changed places")
def neighbours_swapped(real, fake, k=3):
    return metrics.precision_recall(real, fake, k)[::-1]


@mistake("precision_recall", "too small")
def neighbours_that_count_themselves(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k - 1)
    return (across <= of_real).any(1).double().mean(), (across <= of_fake[:, None]).any(0).double().mean()


@mistake("precision_recall", "too large")
def neighbours_one_too_far(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k + 1)
    return (across <= of_real).any(1).double().mean(), (across <= of_fake[:, None]).any(0).double().mean()


@mistake("precision_recall", "its own ball")
def neighbours_with_their_own_balls(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k)
    return (across <= of_fake[:, None]).any(1).double().mean(), (across <= of_real).any(0).double().mean()


@mistake("precision_recall", "the pairs are counted")
def neighbours_by_pairs(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k)
    return (across <= of_real).double().mean(), (across <= of_fake[:, None]).double().mean()


@mistake("precision_recall", "both numbers are the precision")
def neighbours_twice_the_same(real, fake, k=3):
    return (metrics.precision_recall(real, fake, k)[0],) * 2


@mistake("precision_recall", "return precision, recall")
def neighbours_with_one_number(real, fake, k=3):
    return metrics.precision_recall(real, fake, k)[0]


@mistake("precision_recall", "is `k` ignored")
def neighbours_that_ignore_k(real, fake, k=3):
    return metrics.precision_recall(real, fake, 3)


@mistake("precision_recall", "a fake at the edge is inside")
def neighbours_without_the_edge(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k)
    return (across < of_real).any(1).double().mean(), (across <= of_fake[:, None]).any(0).double().mean()


@mistake("precision_recall", "a real picture at the edge is inside")
def neighbours_without_the_other_edge(real, fake, k=3):
    across, of_real, of_fake = shares(real, fake, k)
    edge = of_fake[:, None].clamp_min(1e-12)  # a set and its copy lie at the centres
    return (across <= of_real).any(1).double().mean(), (across < edge).any(0).double().mean()


@mistake("precision_recall", "where nothing is said")
def neighbours_with_another_k(real, fake, k=5):
    return metrics.precision_recall(real, fake, k)


@alternative("precision_recall")
def neighbours_point_by_point(real, fake, k=3):
    def covered(points, support):
        radii = [sorted(float((s - other).norm()) for other in support)[k] for s in support]
        inside = [any(float((p - s).norm()) <= r for s, r in zip(support, radii, strict=True)) for p in points]
        return sum(inside) / len(inside)

    return covered(fake, real), covered(real, fake)


@alternative("precision_recall")
def neighbours_with_topk(real, fake, k=3):
    def covered(points, support):
        radius = torch.cdist(support, support).topk(k + 1, largest=False).values[:, -1]
        return (torch.cdist(points, support) <= radius).any(dim=1).double().mean().item()

    return covered(fake, real), covered(real, fake)


# --- bits_of_step ---


def step_parts(x0, x0_hat, t, alpha_bar):
    a, before = alpha_bar[t], alpha_bar[t - 1]
    beta = 1 - a / before
    tilde = (1 - before) / (1 - a) * beta
    return tilde, before.sqrt() * beta / (1 - a), (x0 - x0_hat).double().square().flatten(1).mean(1)


@mistake("bits_of_step", "these are nats")
def step_in_nats(x0, x0_hat, t, alpha_bar, sigma2):
    return diffusion.bits_of_step(x0, x0_hat, t, alpha_bar, sigma2) * math.log(2)


@mistake("bits_of_step", "sum over all pixels")
def step_summed(x0, x0_hat, t, alpha_bar, sigma2):
    tilde, f, _ = step_parts(x0, x0_hat, t, alpha_bar)
    off = (x0 - x0_hat).double().square().flatten(1).sum(1)
    return (tilde / sigma2 - 1 - (tilde / sigma2).log() + f**2 * off / sigma2) / (2 * math.log(2))


@mistake("bits_of_step", "upside down")
def step_upside_down(x0, x0_hat, t, alpha_bar, sigma2):
    tilde, f, off = step_parts(x0, x0_hat, t, alpha_bar)
    return (sigma2 / tilde - 1 - (sigma2 / tilde).log() + f**2 * off / sigma2) / (2 * math.log(2))


@mistake("bits_of_step", "f is missing")
def step_without_f(x0, x0_hat, t, alpha_bar, sigma2):
    tilde, _, off = step_parts(x0, x0_hat, t, alpha_bar)
    return (tilde / sigma2 - 1 - (tilde / sigma2).log() + off / sigma2) / (2 * math.log(2))


@mistake("bits_of_step", "f is not squared")
def step_with_f_once(x0, x0_hat, t, alpha_bar, sigma2):
    tilde, f, off = step_parts(x0, x0_hat, t, alpha_bar)
    return (tilde / sigma2 - 1 - (tilde / sigma2).log() + f * off / sigma2) / (2 * math.log(2))


@mistake("bits_of_step", "only the means are compared")
def step_of_the_means(x0, x0_hat, t, alpha_bar, sigma2):
    _, f, off = step_parts(x0, x0_hat, t, alpha_bar)
    return f**2 * off / sigma2 / (2 * math.log(2))


@mistake("bits_of_step", "the half before the bracket")
def step_without_the_half(x0, x0_hat, t, alpha_bar, sigma2):
    return 2 * diffusion.bits_of_step(x0, x0_hat, t, alpha_bar, sigma2)


@mistake("bits_of_step", "the logarithm is added")
def step_with_the_wrong_sign(x0, x0_hat, t, alpha_bar, sigma2):
    tilde, f, off = step_parts(x0, x0_hat, t, alpha_bar)
    return (tilde / sigma2 - 1 + (tilde / sigma2).log() + f**2 * off / sigma2) / (2 * math.log(2))


@mistake("bits_of_step", "it should be float64")
def step_in_the_pictures_dtype(x0, x0_hat, t, alpha_bar, sigma2):
    return diffusion.bits_of_step(x0, x0_hat, t, alpha_bar, sigma2).to(x0)


@mistake("bits_of_step", "keep alpha_bar in float64")
def step_with_a_float32_schedule(x0, x0_hat, t, alpha_bar, sigma2):
    a = alpha_bar.to(x0) * (1 + (1e-3 if x0.dtype == torch.float32 else 0))
    tilde, f, off = step_parts(x0, x0_hat, t, a)
    return ((tilde / sigma2 - 1 - (tilde / sigma2).log() + f**2 * off / sigma2) / (2 * math.log(2))).double()


@mistake("bits_of_step", "comes out otherwise alone")
def step_with_sorted_times(x0, x0_hat, t, alpha_bar, sigma2):
    return diffusion.bits_of_step(x0, x0_hat, t.sort().values, alpha_bar, sigma2)


@mistake("bits_of_step", "use `.reshape`")
def step_through_a_view(x0, x0_hat, t, alpha_bar, sigma2):
    return diffusion.bits_of_step(x0.view(len(t), -1), x0_hat.view(len(t), -1), t, alpha_bar, sigma2)


@mistake("bits_of_step", "changes the tensors")
def step_that_subtracts_in_place(x0, x0_hat, t, alpha_bar, sigma2):
    x0_hat -= x0
    return diffusion.bits_of_step(torch.zeros_like(x0), x0_hat, t, alpha_bar, sigma2)


@alternative("bits_of_step")
def step_picture_by_picture(x0, x0_hat, t, alpha_bar, sigma2):
    costs = []
    for x, guess, step, s2 in zip(x0, x0_hat, t.tolist(), sigma2.tolist(), strict=True):
        a, before = float(alpha_bar[step]), float(alpha_bar[step - 1])
        tilde, f = (1 - before) / (1 - a) * (1 - a / before), before**0.5 * (1 - a / before) / (1 - a)
        off = float((x - guess).pow(2).mean())  # float32, where the pictures are
        costs.append((tilde / s2 - 1 - math.log(tilde / s2) + f**2 * off / s2) / (2 * math.log(2)))
    return torch.tensor(costs, dtype=torch.float64)


@alternative("bits_of_step")
def step_with_torchs_divergence(x0, x0_hat, t, alpha_bar, sigma2):
    normal = torch.distributions.Normal
    x0, x0_hat = x0.double(), x0_hat.double()
    tilde = diffusion.posterior_variance(t, alpha_bar).sqrt().reshape(-1, 1, 1, 1)
    x_t = torch.zeros_like(x0, dtype=torch.float64)
    means = [diffusion.posterior_mean(x.double(), x_t, t, alpha_bar) for x in (x0, x0_hat)]
    model = normal(means[1], sigma2.sqrt().reshape(-1, 1, 1, 1))
    return torch.distributions.kl_divergence(normal(means[0], tilde), model).mean((1, 2, 3)) / math.log(2)


# --- bits_of_last_step ---


def share_in_bin(x0, x0_hat, sigma, half=1 / 255, ends=True):
    low, high = (x0 - half - x0_hat) / sigma, (x0 + half - x0_hat) / sigma
    if ends:
        low, high = low.masked_fill(x0 < -0.999, -torch.inf), high.masked_fill(x0 > 0.999, torch.inf)
    return (torch.special.ndtr(high) - torch.special.ndtr(low)).clamp(min=1e-12)


@mistake("bits_of_last_step", "use log2")
def last_step_in_nats(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma).log().flatten(1).mean(1)


@mistake("bits_of_last_step", "sum over all pixels")
def last_step_summed(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma).log2().flatten(1).sum(1)


@mistake("bits_of_last_step", "twice too wide")
def last_step_with_wide_bins(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma, 2 / 255).log2().flatten(1).mean(1)


@mistake("bits_of_last_step", "255 gaps")
def last_step_with_256_gaps(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma, 1 / 256).log2().flatten(1).mean(1)


@mistake("bits_of_last_step", "outermost bin")
def last_step_with_closed_ends(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma, ends=False).log2().flatten(1).mean(1)


@mistake("bits_of_last_step", "density times the width")
def last_step_by_density(x0, x0_hat, sigma):
    density = torch.distributions.Normal(x0_hat, sigma).log_prob(x0)
    return -((density + math.log(2 / 255)) / math.log(2)).flatten(1).mean(1)


@mistake("bits_of_last_step", "sign is wrong")
def last_step_with_the_wrong_sign(x0, x0_hat, sigma):
    return share_in_bin(x0, x0_hat, sigma).log2().flatten(1).mean(1)


@mistake("bits_of_last_step", "went in as a variance")
def last_step_with_a_variance(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma**2).log2().flatten(1).mean(1)


@mistake("bits_of_last_step", "make the pictures float64 first")
def last_step_in_float32(x0, x0_hat, sigma):
    return -share_in_bin(x0, x0_hat, sigma).log2().flatten(1).mean(1).double()


@mistake("bits_of_last_step", "it should be float64")
def last_step_back_in_float32(x0, x0_hat, sigma):
    return diffusion.bits_of_last_step(x0, x0_hat, sigma).to(x0)


@mistake("bits_of_last_step", "`x0` is another one afterwards")
def last_step_that_moves_the_pixels(x0, x0_hat, sigma):
    cost = diffusion.bits_of_last_step(x0, x0_hat, sigma)
    x0.add_(1 / 255)
    return cost


@mistake("bits_of_last_step", "comes out otherwise alone")
def last_step_of_the_whole_batch(x0, x0_hat, sigma):
    cost = diffusion.bits_of_last_step(x0, x0_hat, sigma)
    return cost if len(cost) != 5 else cost.mean().expand(5)


@mistake("bits_of_last_step", "pictures of shape (1, 5, 7)")
def last_step_for_squares_alone(x0, x0_hat, sigma):
    side = x0.shape[3]
    return diffusion.bits_of_last_step(x0[:, :, :side, :side], x0_hat[:, :, :side, :side] + (side == 7), sigma)


@alternative("bits_of_last_step")
def last_step_by_scipy(x0, x0_hat, sigma):
    x, mean = x0.numpy(), x0_hat.numpy()
    high = np.where(x > 0.999, 1.0, norm.cdf(x + 1 / 255, mean, sigma))
    low = np.where(x < -0.999, 0.0, norm.cdf(x - 1 / 255, mean, sigma))
    return torch.from_numpy(-np.log2(np.maximum(high - low, 1e-12))).flatten(1).mean(1)


@alternative("bits_of_last_step")
def last_step_by_torchs_normal(x0, x0_hat, sigma):
    return -share_in_bin(x0.double(), x0_hat.double(), sigma).log2().mean((1, 2, 3))


@alternative("bits_of_last_step")
def last_step_pixel_by_pixel(x0, x0_hat, sigma):
    def cost(x, mean):
        up_to = 1.0 if x > 0.999 else norm.cdf(x + 1 / 255, mean, sigma)
        return -math.log2(max(up_to - (0.0 if x < -0.999 else norm.cdf(x - 1 / 255, mean, sigma)), 1e-12))

    pairs = [zip(x.flatten().tolist(), hat.flatten().tolist(), strict=True) for x, hat in zip(x0, x0_hat, strict=True)]
    return torch.tensor([np.mean([cost(*pair) for pair in one]) for one in pairs], dtype=torch.float64)


# --- variational_bound ---


def bound(predict, x0, alpha_bar, generator, steps=None, clamp=1.0, clock=True, prior=True, last=0.5, beta=False,
          draw=None):  # fmt: skip
    """The bound, with the places in which people go wrong."""
    T = len(alpha_bar) - 1
    total = diffusion.bits_of_prior(x0, alpha_bar) if prior else 0
    for step in steps or range(1, T + 1):
        t = torch.full((len(x0),), step)
        eps = draw(step) if draw else torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
        x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
        hat = predict(x_t, diffusion.model_time(t, T) if clock else t)
        x0_hat = diffusion.recover_x0(x_t, t, alpha_bar, hat).clamp(-clamp, clamp)
        sigma2 = 1 - alpha_bar[t] / alpha_bar[t - 1] if beta else diffusion.posterior_variance(t, alpha_bar)
        if step == 1:
            total = total + diffusion.bits_of_last_step(x0, x0_hat, (1 - alpha_bar[1]) ** last)
        else:
            total = total + diffusion.bits_of_step(x0, x0_hat, t, alpha_bar, sigma2)
    return total.mean().item()


@mistake("variational_bound", "prior's term is missing")
def bound_without_the_prior(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, prior=False)


@mistake("variational_bound", "model_time(t, T)")
def bound_on_the_wrong_clock(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, clock=False)


@mistake("variational_bound", "clamp the guess")
def bound_without_a_clamp(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, clamp=100.0)


@mistake("variational_bound", "asks the network at 40 times")
def bound_without_the_last_step(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, steps=range(2, len(alpha_bar)))


@mistake("variational_bound", "asks the network at 40 times")
def bound_that_stops_before_T(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, steps=range(1, len(alpha_bar) - 1))


@mistake("variational_bound", "standard deviation belongs")
def bound_with_a_variance(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, last=1.0)


@mistake("variational_bound", "it should be beta-tilde")
def bound_with_beta(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, beta=True)


@mistake("variational_bound", "averaged over the steps")
def bound_averaged(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator) / (len(alpha_bar) - 1)


@mistake("variational_bound", "every step adds the same noise")
def bound_with_one_noise(predict, x0, alpha_bar, generator):
    eps = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    return bound(predict, x0, alpha_bar, generator, draw=lambda step: eps)


@mistake("variational_bound", "all pictures of the batch get the same noise")
def bound_with_one_noise_for_all_pictures(predict, x0, alpha_bar, generator):
    def draw(step):
        return torch.randn(x0[:1].shape, generator=generator, dtype=x0.dtype).expand_as(x0)

    return bound(predict, x0, alpha_bar, generator, draw=draw)


@mistake("variational_bound", "is it even noise?")
def bound_with_even_noise(predict, x0, alpha_bar, generator):
    def draw(step):
        return torch.rand(x0.shape, generator=generator, dtype=x0.dtype)

    return bound(predict, x0, alpha_bar, generator, draw=draw)


@mistake("variational_bound", "two calls with one generator give the same result")
def bound_with_a_seed_inside(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator.manual_seed(0))


@mistake("variational_bound", "the network is shown float64 ones")
def bound_in_float64(predict, x0, alpha_bar, generator):
    return bound(predict, x0.double(), alpha_bar, generator)


@mistake("variational_bound", "once for each")
def bound_that_asks_twice(predict, x0, alpha_bar, generator):
    def twice(x, t):
        return (predict(x, t) + predict(x, t)) / 2

    return bound(twice, x0, alpha_bar, generator)


@mistake("variational_bound", "with T = 7 the network is told the time")
def bound_with_a_rounded_clock(predict, x0, alpha_bar, generator):
    return bound(lambda x, t: predict(x, t.round()), x0, alpha_bar, generator)


@mistake("variational_bound", "`x0` is another one afterwards")
def bound_that_clamps_the_pictures(predict, x0, alpha_bar, generator):
    result = bound(predict, x0, alpha_bar, generator)
    x0.mul_(0.5)
    return result


@mistake("variational_bound", "use `.reshape`")
def bound_through_a_view(predict, x0, alpha_bar, generator):
    return bound(predict, x0.view(len(x0), -1).reshape(x0.shape), alpha_bar, generator)


@mistake("variational_bound", "with T = 1 and 2 pictures")
def bound_of_a_long_chain_alone(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator) + (len(alpha_bar) < 5)


@mistake("variational_bound", "generator=generator")
def bound_with_noise_of_its_own(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, None)


@alternative("variational_bound")
def bound_from_the_top(predict, x0, alpha_bar, generator):
    return bound(predict, x0, alpha_bar, generator, steps=range(len(alpha_bar) - 1, 0, -1))


@alternative("variational_bound")
def bound_picture_by_picture(predict, x0, alpha_bar, generator):
    return sum(bound(predict, x0[i : i + 1], alpha_bar, generator) for i in range(len(x0))) / len(x0)


@alternative("variational_bound")
def bound_that_draws_everything_first(predict, x0, alpha_bar, generator):
    every = torch.randn(len(alpha_bar), *x0.shape, generator=generator)  # float32, and brought to the pictures below
    return bound(predict, x0, alpha_bar, generator, draw=lambda step: every[step].to(x0))


@alternative("variational_bound")
def bound_by_terms(predict, x0, alpha_bar, generator):
    return diffusion.bound_terms(predict, x0, alpha_bar, generator).mean(1).sum()


# --- fair_scores ---


def on_scale(files):
    return files.permute(0, 3, 1, 2).float() / 127.5 - 1


@mistake("fair_scores", "one side is read in [0, 1]")
def scores_as_the_colleague(read, files, candidates):
    real = files.permute(0, 3, 1, 2).float() / 255
    return {name: metrics.frechet_distance(read(x), read(real)) for name, x in candidates.items()}


@mistake("fair_scores", "one side is read in [0, 1]")
def scores_with_equal_numbers_alone(read, files, candidates):
    real = files.permute(0, 3, 1, 2).float() / 255
    n = min(len(real), *map(len, candidates.values()))
    return {name: metrics.frechet_distance(read(x[:n]), read(real[:n])) for name, x in candidates.items()}


@mistake("fair_scores", "both sides are brought to [0, 1]")
def scores_in_the_wrong_range(read, files, candidates):
    real = files.permute(0, 3, 1, 2).float() / 255
    n = min(len(real), *map(len, candidates.values()))
    return {name: metrics.frechet_distance(read((x[:n] + 1) / 2), read(real[:n])) for name, x in candidates.items()}


@mistake("fair_scores", "looks better for that alone")
def scores_on_one_scale_alone(read, files, candidates):
    real = on_scale(files)
    return {name: metrics.frechet_distance(read(x), read(real)) for name, x in candidates.items()}


@mistake("fair_scores", "looks better for that alone")
def scores_with_pairs_of_equal_size(read, files, candidates):
    real = on_scale(files)
    return {name: metrics.frechet_distance(read(x), read(real[: len(x)])) for name, x in candidates.items()}


@mistake("fair_scores", "cut it too")
def scores_with_all_files(read, files, candidates):
    real, n = on_scale(files), min(map(len, candidates.values()))
    return {name: metrics.frechet_distance(read(x[:n]), read(real)) for name, x in candidates.items()}


@mistake("fair_scores", "up to 255")
def scores_of_bytes(read, files, candidates):
    real, n = files.permute(0, 3, 1, 2).float(), min(map(len, candidates.values()))
    return {name: metrics.frechet_distance(read(x[:n]), read(real[:n])) for name, x in candidates.items()}


@mistake("fair_scores", "so permute them")
def scores_without_turning(read, files, candidates):
    real = files.float() / 127.5 - 1
    return {name: metrics.frechet_distance(read(x), read(real)) for name, x in candidates.items()}


@mistake("fair_scores", "the files can be the fewest")
def scores_cut_to_the_fewest_candidates(read, files, candidates):
    real, n = on_scale(files), min(map(len, candidates.values()))
    m = min(n, len(real))
    return {name: metrics.frechet_distance(read(x[:n]), read(real[:m])) for name, x in candidates.items()}


@alternative("fair_scores")
def scores_read_in_portions(read, files, candidates):
    n = min(len(files), *map(len, candidates.values()))

    def all_of(x):
        return torch.cat([read(part) for part in x[:n].split(7)])

    return {name: metrics.frechet_distance(all_of(on_scale(files)), all_of(x)) for name, x in candidates.items()}


@alternative("fair_scores")
def scores_in_a_loop(read, files, candidates):
    n = len(files)
    for x in candidates.values():
        n = min(n, len(x))
    target = read((files[:n].movedim(3, 1).to(torch.float32) / 255 - 0.5) * 2)
    found = {}
    for name, x in candidates.items():
        found[name] = metrics.frechet_distance(target, read(x[:n]))
    return found
