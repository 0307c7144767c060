"""Random tensors: distributions, seeds, options and errors."""

import copy

import numpy as np
import pytest

import cnet
from cnet import kernels

N = 20000


def _drawn(make):
    cnet.manual_seed(0)
    return make().double().numpy()


MOMENTS = [
    # call, mean, standard deviation
    (lambda: cnet.rand(N), 0.5, 12**-0.5),
    (lambda: cnet.randn(N), 0, 1),
    (lambda: cnet.randn(N, dtype=cnet.float64), 0, 1),
    (lambda: cnet.rand_like(cnet.zeros(N)), 0.5, 12**-0.5),
    (lambda: cnet.randn_like(cnet.zeros(N).half()), 0, 1),
    (lambda: cnet.randint(10, (N,)), 4.5, (99 / 12) ** 0.5),
    (lambda: cnet.randint(-5, 5, (N,)), -0.5, (99 / 12) ** 0.5),
    (lambda: cnet.randint_like(cnet.zeros(N), 2), 0.5, 0.5),
    (lambda: cnet.normal(3.0, 2.0, (N,)), 3, 2),
    (lambda: cnet.normal(cnet.full((N,), 3.0), 2.0), 3, 2),
    (lambda: cnet.bernoulli(cnet.full((N,), 0.25)), 0.25, 0.1875**0.5),
    (lambda: cnet.poisson(cnet.full((N,), 4.0)), 4, 2),
    (lambda: cnet.empty(N).normal_(1, 2), 1, 2),
    (lambda: cnet.empty(N).uniform_(-1, 1), 0, 3**-0.5),
    (lambda: cnet.empty(N).uniform_(**{"from": 0, "to": 2}), 1, 3**-0.5),
    (lambda: cnet.empty(N).bernoulli_(0.25), 0.25, 0.1875**0.5),
    (lambda: cnet.empty(N).exponential_(2.0), 0.5, 0.5),
    (lambda: cnet.empty(N).log_normal_(0, 0.5), 1.1331, 0.6039),
    (lambda: cnet.empty(N).geometric_(0.5), 2, 2**0.5),
    (lambda: cnet.empty(N).random_(10), 4.5, (99 / 12) ** 0.5),
    (lambda: cnet.empty(N, dtype=int).random_(2, 12), 6.5, (99 / 12) ** 0.5),
]


@pytest.mark.parametrize(("make", "mean", "deviation"), MOMENTS)
def test_moments(make, mean, deviation):
    x = _drawn(make)
    assert x.shape == (N,)
    assert abs(x.mean() - mean) < 5 * deviation / N**0.5
    assert abs(x.std() - deviation) < 0.05 * deviation
    np.testing.assert_array_equal(_drawn(make), x)


def test_bounds():
    x = cnet.empty(N).random_()
    assert 0 <= x.amin() < x.amax() <= 2**24
    assert cnet.empty(N, dtype=cnet.uint8).random_().max() == 255
    assert abs(float(np.median(_drawn(lambda: cnet.empty(N).cauchy_(1, 0.5)))) - 1) < 0.05
    assert sorted(cnet.randperm(50).tolist()) == list(range(50))
    assert cnet.randperm(3, dtype=cnet.int32).dtype == cnet.int32


def test_permutations_are_equally_probable():
    drawn = [tuple(cnet.randperm(4).tolist()) for _ in range(4800)]
    counts = np.array([drawn.count(order) for order in set(drawn)])
    assert len(counts) == 24
    assert ((counts - 200) ** 2 / 200).sum() < 60  # chi-squared with 23 degrees of freedom


def test_words_determine_a_permutation():
    words = np.random.default_rng(0).integers(0, 2**64 - 1, 100, np.uint64, endpoint=True)
    expected: list[int] = []
    for i, word in enumerate(words.tolist()):
        j = word * (i + 1) >> 64
        expected.append(i)
        expected[i], expected[j] = expected[j], i
    assert kernels.random.permutation(words).tolist() == expected
    assert kernels.random.permutation(words[:0]).tolist() == []
    with pytest.raises(TypeError, match=r"permutation: words\.dtype must be an integer dtype"):
        kernels.random.permutation(np.zeros(3))


WORDS = np.random.default_rng(0).integers(0, 2**64 - 1, 51, np.uint64, endpoint=True)


@pytest.mark.parametrize("count", [1, 10, 2**16])
def test_halves_of_words_determine_few_integers(count):
    halves = [half for word in WORDS.tolist() for half in (word >> 32, word & (2**32 - 1))]
    expected = [half * count >> 32 for half in halves[:101]]
    found = kernels.random.integers(WORDS, (101,), -7, count - 7)
    assert (found.dtype, (found + 7).tolist()) == (np.int64, expected)


@pytest.mark.parametrize("count", [2**16 + 1, 2**32])
def test_words_determine_many_integers(count):
    expected = [word * count >> 64 for word in WORDS.tolist()]
    found = kernels.random.integers(WORDS, (3, 17), 5, count + 5)
    assert (found.shape, (found - 5).ravel().tolist()) == ((3, 17), expected)


def test_words_and_bounds_of_integers_must_fit():
    with pytest.raises(ValueError, match=r"integers: words.shape must be \(2,\) for \(3,\)"):
        kernels.random.integers(WORDS, (3,), 0, 10)
    with pytest.raises(ValueError, match="integers: low must be less than high"):
        kernels.random.integers(WORDS[:2], (3,), 1, 1)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 2), (-3, 2**16), (0, 2**32), (-(2**63), 2**63 - 1), (2**63 - 5, 2**63)]
)
def test_integers_are_between_the_bounds(low, high):
    x = cnet.randint(low, high, (5000,)).numpy()
    assert low <= x.min() <= x.max() < high
    middle = (low + high) // 2
    assert abs((x < middle).mean() - (middle - low) / (high - low)) < 0.05


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial(replacement):
    weights = cnet.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 0.0]])
    found = np.array([
        cnet.multinomial(weights, 2, replacement).numpy() for _ in range(2000)
    ])  # fmt: skip
    assert found.shape == (2000, 2, 2)
    first = found[:, :, 0]
    assert abs((first[:, 0] == 2).mean() - 0.75) < 0.05
    assert abs((first[:, 1] == 0).mean() - 0.5) < 0.05
    assert (found[:, 0] > 0).all()
    if not replacement:
        assert (found[:, :, 0] != found[:, :, 1]).all()


def test_generators():
    a, b = cnet.Generator().manual_seed(5), cnet.Generator().manual_seed(5)
    assert cnet.rand(3, generator=a).tolist() == cnet.rand(3, generator=b).tolist()
    state = a.get_state()
    expected = cnet.randn(3, generator=a).tolist()
    a.set_state(state)
    copied = copy.deepcopy(a)
    assert cnet.randn(3, generator=copied).tolist() == expected
    assert (copied.initial_seed(), copied.device) == (5, cnet.device("cpu"))
    assert cnet.Generator().initial_seed() == cnet.Generator().initial_seed()
    assert cnet.Generator().manual_seed(-1).initial_seed() == 2**64 - 1
    assert a.seed() == a.initial_seed() != 5
    with pytest.raises(RuntimeError, match="Generator: device 'cuda'"):
        cnet.Generator("cuda")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_generators_of_numpy_draw_the_same_normal_numbers(dtype):
    ours = cnet.Generator()
    ours.set_state(dict(np.random.PCG64(3).state))
    other = np.random.Generator(Unfamiliar(3))
    for count in (0, 1, 7, 1000):
        expected = cnet.randn(count, generator=other, dtype=dtype)
        got = cnet.randn(count, generator=ours, dtype=dtype)
        np.testing.assert_array_equal(got.numpy(), expected.numpy())
        np.testing.assert_array_equal(
            cnet.randperm(count, generator=ours).numpy(),
            cnet.randperm(count, generator=other).numpy(),
        )
        assert ours.get_state()["state"] == other.bit_generator.state["state"]


class Unfamiliar(np.random.PCG64):
    """A bit generator whose class the package does not know."""


def test_the_default_generator():
    assert cnet.manual_seed(3) is cnet.default_generator
    assert cnet.initial_seed() == 3
    with cnet.random.fork_rng():
        inside = cnet.rand(3).tolist()
    assert cnet.rand(3).tolist() == inside
    assert cnet.seed() == cnet.initial_seed()


ERRORS = [
    (lambda: cnet.rand(2, dtype=int), TypeError, "rand: dtype must be a float dtype"),
    (lambda: cnet.rand(2, generator=3), TypeError, "rand: generator must be a Generator"),
    (lambda: cnet.rand_like(cnet.arange(3)), TypeError, "rand_like: dtype"),
    (lambda: cnet.randint(5, 2, (3,)), ValueError, "randint: low must be less than high"),
    (lambda: cnet.randint(300, (3,), dtype=cnet.uint8), ValueError, "randint: .*uint8"),
    (lambda: cnet.randperm(-1), ValueError, "randperm: size must not be negative"),
    (lambda: cnet.normal(0.0, 1.0), TypeError, "normal: size must be given"),
    (lambda: cnet.normal(cnet.zeros(2), -1.0), ValueError, "normal: std must not be negative"),
    (lambda: cnet.bernoulli(cnet.tensor([2.0])), ValueError, "bernoulli: .*between 0 and 1"),
    (lambda: cnet.multinomial(cnet.tensor([1.0, -1.0]), 1), ValueError, "multinomial: .*negative"),
    (lambda: cnet.multinomial(cnet.zeros(2), 1), ValueError, "multinomial: .*positive, finite sum"),
    (lambda: cnet.multinomial(cnet.ones(2), 3), ValueError, "multinomial: num_samples"),
    (lambda: cnet.multinomial(cnet.ones(2, 2, 2), 3), ValueError, "multinomial: .*dimensions"),
    (lambda: cnet.zeros(2).normal_(0, -1), ValueError, "normal_: std"),
    (lambda: cnet.zeros(2, dtype=int).normal_(), TypeError, "normal_: .*float dtype"),
    (lambda: cnet.zeros(2).uniform_(1, 0), ValueError, "uniform_: the bounds"),
    (lambda: cnet.zeros(2).exponential_(0), ValueError, "exponential_: lambd"),
    (lambda: cnet.zeros(2).geometric_(1), ValueError, "geometric_: p"),
    (lambda: cnet.zeros(2).bernoulli_(2), ValueError, "bernoulli_: .*between 0 and 1"),
    (lambda: cnet.zeros(2).random_(0), ValueError, "random_: low"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
