from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from accelnas.errors import ModelError
from accelnas.fitting.anova import AnovaKernel, GaussianProcess, learn, likeliest, posterior_members, robust
from accelnas.fitting.anova.process import _likelihood_gradient, log_likelihood
from accelnas.fitting.anova.robust import reweighted
from accelnas.fitting.families import Recipe, Sample
from accelnas.fitting.families.anova import LIKELIHOOD, AnovaProcess
from small_samples import space_of

SPACE = space_of(
    "small",
    a={"a0": [1, 2, 3], "a1": [0, 1]},
    b={"b0": [1, 2, 3, 4], "b1": [7], "b2": [0, 1]},
    c={"c0": [0, 1], "c1": [1, 2, 3]},
)
BLOCKS = [[0, 1], [2, 4], [5, 6]]
ORDERS = [
    ((3, 3, 3), "variables"),
    ((2, 4), "variables"),
    ((1, 0, 3), "variables"),
    ((1, 2, 3), "blocks"),
    ((3, 3, 3), "variables", "plane"),
    ((1, 2), "blocks", "plane"),
]


@pytest.fixture(scope="module")
def space():
    return SPACE


@pytest.fixture(params=ORDERS, ids=str)
def kernel(request, space):
    return AnovaKernel(space, *request.param)


def theta_of(kernel, seed=0):
    theta = kernel.start(np.random.default_rng(0)) + 0.3 * np.random.default_rng(seed).standard_normal(kernel.size)
    theta[kernel.noise] = np.log(0.05)
    return theta


def explicit(kernel, theta, left, right):
    """The kernel's definition, set by set."""
    covariances = [v.covariance(theta)[0] if v.card > 1 else None for v in kernel._variables]
    scales = kernel.term_scales(theta)
    out = np.ones((len(left), len(right)))
    subsets = [[s for n in range(1, len(b) + 1) for s in combinations(b, n)] for b in BLOCKS]
    for blocks in range(1, 4):
        for some in combinations(subsets, blocks):
            for parts in product(*some):
                variables = [v for part in parts for v in part]
                term = (blocks, blocks) if kernel.over == "blocks" else (blocks, len(variables))
                if term in scales:
                    factors = [covariances[v][np.ix_(left[:, v], right[:, v])] for v in variables]
                    out += scales[term] * np.prod(factors, axis=0)
    return out


def test_matrix_is_the_sum_over_interactions(space, kernel):
    theta = theta_of(kernel)
    left, right = space.sample(40, seed=1), space.sample(30, seed=2)
    found = kernel.matrix(theta, kernel.states(left), kernel.states(right))
    assert np.allclose(found, explicit(kernel, theta, left, right), rtol=1e-12, atol=1e-12)
    gram = kernel.gram(theta, kernel.states(left))
    assert np.allclose(gram, np.tril(explicit(kernel, theta, left, left)), rtol=1e-5, atol=1e-5)


def test_gradient_is_that_of_the_marginal_likelihood(space, kernel):
    theta = theta_of(kernel)
    choices = space.sample(60, seed=3)
    targets = np.random.default_rng(4).standard_normal(60)

    def likelihood(theta):
        covariance = explicit(kernel, theta, choices, choices) + np.exp(theta[kernel.noise]) * np.eye(60)
        return multivariate_normal(np.zeros(60), covariance).logpdf(targets)

    found = _likelihood_gradient(kernel, theta, kernel.states(choices), targets)
    steps = 1e-5 * np.eye(kernel.size)
    expected = [(likelihood(theta + step) - likelihood(theta - step)) / 2e-5 for step in steps]
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_posterior_is_that_of_a_gaussian_process(space, kernel):
    theta = theta_of(kernel)
    choices, others = space.sample(50, seed=5), space.sample(20, seed=6)
    targets = np.random.default_rng(7).standard_normal(50)
    noise = np.exp(theta[kernel.noise])
    process = GaussianProcess(kernel, theta, choices, targets)

    covariance = explicit(kernel, theta, choices, choices) + noise * np.eye(50)
    cross = explicit(kernel, theta, others, choices)
    mean = cross @ np.linalg.solve(covariance, targets)
    posterior = explicit(kernel, theta, others, others) - cross @ np.linalg.solve(covariance, cross.T)
    assert np.allclose(process.predict(others), mean, atol=1e-10)

    members = posterior_members(process, 1500, seed=8).predict(kernel.axes(others))
    assert np.allclose(members.mean(axis=0), mean, atol=1e-9)
    scale = np.sqrt(np.outer(np.diag(posterior), np.diag(posterior)))
    assert np.abs((np.cov(members.T) - posterior) / scale).max() < 0.2  # of 1,500 draws
    assert np.allclose(posterior_members(process, 1, seed=9).predict(kernel.axes(others))[0], mean, atol=1e-9)
    few = np.mean(
        [posterior_members(process, 3, seed).predict(kernel.axes(others)).var(axis=0) for seed in range(150)], 0
    )
    assert np.abs(few / np.diag(posterior) - 1).max() < 0.35

    folds = np.array_split(np.random.default_rng(1).permutation(50), 5)
    left_out, variance = process.left_out(folds)
    for fold in folds:
        rest = np.setdiff1d(np.arange(50), fold)
        apart = GaussianProcess(kernel, theta, choices[rest], targets[rest])
        assert np.allclose(left_out[fold], apart.predict(choices[fold]), atol=1e-8)
        spread = posterior_members(apart, 1000, seed=2).predict(kernel.axes(choices[fold])).var(axis=0)
        assert np.abs(variance[fold] / (spread + noise) - 1).max() < 0.25


@pytest.mark.slow
def test_learning_finds_what_made_the_data(space):
    kernel = AnovaKernel(space, (2, 2))
    random = np.random.default_rng(0)
    choices = space.range(0, space.size)
    truth = np.sin(choices[:, 0] * 2.0) + 0.8 * (choices[:, 2] == 3) * choices[:, 5]  # a1, b2 and c1 do nothing
    targets = (truth - truth.mean()) / truth.std() + 0.1 * random.standard_normal(len(truth))
    theta = learn(kernel, choices, targets, [(80, 40), (120, 10)], seed=0)
    assert np.exp(0.5 * theta[kernel.noise]) == pytest.approx(0.1, rel=0.3)
    weights = [np.exp(v.covariance(theta)[0]).max() if v.card > 1 else 0.0 for v in kernel._variables]
    assert min(weights[v] for v in (0, 2, 5)) > max(weights[v] for v in (1, 4, 6))
    assert np.array_equal(theta, learn(kernel, choices, targets, [(80, 40), (120, 10)], seed=0))
    process = GaussianProcess(kernel, theta, choices[::2], targets[::2])
    error = process.predict(choices[1::2]) - (truth[1::2] - truth.mean()) / truth.std()
    assert np.sqrt(np.mean(error**2)) < 0.1


def test_likelihood_finds_the_orders_and_the_positions_that_made_the_data():
    ops = ["skip", "conv", "pool", "none", "wide"]
    space = space_of("ops", **{f"b{b}": {f"op{b}{v}": ops for v in range(2)} for b in range(3)})
    recipe = Recipe("r", "anova_process", parameters={"orders": LIKELIHOOD, "positions": LIKELIHOOD})
    family, choices = AnovaProcess(recipe, space), space.sample(400, seed=1)
    pentagon = 0.8 * (np.exp(2j * np.pi * np.arange(1, 5) * 2 / 5) - 1)  # neighbours are not next to each other
    for orders, positions in (((2, 2), "line"), ((4, 4, 3), "line"), ((2, 2), "plane")):
        made = AnovaKernel(space, orders, "variables", positions)
        theta = made.start(np.random.default_rng(0))
        theta[made.scales] = [np.log(4.0 if v == max(orders) else 0.3) for _, v in made.terms]
        for variable in made._variables:
            if positions == "plane":
                theta[variable.first + 1 : variable.parameters.stop] = np.concatenate([pentagon.real, pentagon.imag])
        covariance = made.matrix(theta, made.states(choices), made.states(choices)) + 1e-3 * np.eye(400)
        targets = np.linalg.cholesky(covariance) @ np.random.default_rng(2).standard_normal(400)
        found = family.select(Sample(choices, (targets - targets.mean()) / targets.std()), 0)
        assert (tuple(found.orders), found.positions) == (orders, positions)


def test_likelihood_of_many_rows_finds_interactions_below_the_noise():
    """A kernel of triples has a too small noise after few steps, and must not lose to pairs for that."""
    space = space_of("ops", **{f"b{b}": {f"v{b}{v}": list(range(4)) for v in range(2)} for b in range(3)})
    choices, random = space.sample(1500, seed=1), np.random.default_rng(0)
    made = AnovaKernel(space, (3, 3, 3))
    theta = made.start(random)
    theta[made.scales] = np.log(0.3)
    covariance = made.matrix(theta, made.states(choices), made.states(choices)) + 0.1 * np.eye(len(choices))
    targets = np.linalg.cholesky(covariance) @ random.standard_normal(len(choices))
    kernels = [AnovaKernel(space, orders) for orders in ((2, 2), (3, 3, 3))]
    assert likeliest(kernels, choices, (targets - targets.mean()) / targets.std(), 0) is kernels[1]


def test_log_likelihood_is_that_of_scipy(space, kernel):
    theta, choices = theta_of(kernel), space.sample(50, seed=6)
    targets = np.random.default_rng(7).standard_normal(50)
    covariance = explicit(kernel, theta, choices, choices) + np.exp(theta[kernel.noise]) * np.eye(50)
    expected = multivariate_normal(np.zeros(50), covariance).logpdf(targets)
    assert log_likelihood(kernel, theta, choices, targets) == pytest.approx(expected, rel=1e-9)


def test_blocks_of_many_states_are_told_apart_or_refused():
    space = space_of("large", a={f"a{i}": list(range(5)) for i in range(4)}, b={"b0": [0, 1]})
    kernel, rows = AnovaKernel(space, (2, 2)), space.sample(60, seed=0)
    theta = kernel.start(np.random.default_rng(0))
    process = GaussianProcess(kernel, theta, rows, rows[:, 0] / 2 - 1.0)
    tables = posterior_members(process, 1, 0)
    assert np.allclose(tables.predict(rows), process.predict(rows), atol=1e-10)
    space = space_of("larger", a={f"a{i}": list(range(5)) for i in range(5)}, b={"b0": [0, 1]})
    with pytest.raises(ModelError, match="block a has 3,125 joint choices, covariances are of at most 1,024; divide"):
        AnovaKernel(space, (2, 2))


@pytest.mark.parametrize(
    ("orders", "over", "message"),
    [
        ((), "variables", "orders are"),
        ((5,), "variables", "orders are"),
        ((0, 1), "variables", "allow no interaction"),
        ((1, 3), "blocks", "orders over blocks"),
        ((1, 2), "layers", "choose variables or blocks"),
    ],
)
def test_orders_are_checked(space, orders, over, message):
    with pytest.raises(ModelError, match=message):
        AnovaKernel(space, orders, over)


def noisy(space, outlying):
    """All architectures, a function of pairs of choices, and measurements: sd .1, one in 40 off by ten of them."""
    random = np.random.default_rng(4)
    choices = space.range(0, space.size)
    kernel = AnovaKernel(space, [2, 2])
    theta = theta_of(kernel)
    theta[kernel.noise] = np.log(0.01)
    truth = np.linalg.cholesky(kernel.matrix(theta, choices, choices) + 1e-9 * np.eye(len(choices))) @ (
        random.standard_normal(len(choices))
    )
    measured = truth + 0.1 * random.standard_normal(len(choices))
    measured[5::40] += outlying
    return kernel, theta, choices, truth, measured


def test_outliers_do_not_ruin_a_robust_process(space):
    errors = {}
    for outlying in (0.0, 1.0, 10.0):
        kernel, _, choices, truth, measured = noisy(space, outlying)
        mean, scale = measured.mean(), measured.std()
        targets = (measured - mean) / scale
        plain = GaussianProcess(kernel, learn(kernel, choices, targets, [[288, 40]], 0), choices, targets)
        found = robust(plain)
        assert (found is plain) == (outlying == 0)
        errors[outlying] = [np.abs(mean + scale * p.predict(choices) - truth).mean() for p in (plain, found)]
    (clean, _), (plain, found), (ruined, saved) = errors.values()
    assert plain > 2 * clean
    assert found < 0.75 * plain
    assert saved < min(0.15 * ruined, 2 * clean)


def test_weights_are_those_of_expectation_and_maximisation(space):
    """After a round more, noise is what the expected squares of misses ask for, by the posterior's own formulas."""
    kernel, theta, choices, _, measured = noisy(space, 1.0)
    process = reweighted(GaussianProcess(kernel, theta, choices, measured), 3.0)
    mean, variance = process.posterior(choices)
    np.testing.assert_allclose(process.squared_misses(), (measured - mean) ** 2 + variance, rtol=1e-6)
    outlying = np.zeros(len(choices), bool)
    outlying[5::40] = True
    assert process.noise[outlying].min() > 5 * np.median(process.noise)
    # means of rows left out are those of a process without them, with the same noise of the others
    rest = np.arange(3, len(choices))
    other = GaussianProcess(kernel, theta, choices[rest], measured[rest], process.noise[rest])
    np.testing.assert_allclose(process.left_out([np.arange(3)])[0][:3], other.predict(choices[:3]), rtol=1e-8)


def test_robust_is_a_switch(space):
    with pytest.raises(ModelError, match="recipe r: robust is 1; choose true or false"):
        AnovaProcess(Recipe("r", "anova_process", parameters={"robust": 1}), space)
