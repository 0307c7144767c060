"""Recording modes: as context managers and decorators, of functions and generators."""

import pytest

import cnet
from cnet import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled


@pytest.mark.parametrize(
    ("mode", "recorded"),
    [
        (no_grad, False), (no_grad(), False), (enable_grad, True), (enable_grad(), True),
        (inference_mode, False), (inference_mode(), False), (inference_mode(False), True),
    ],
)  # fmt: skip
def test_decorators(mode, recorded):
    @mode
    def function(x, *, y):
        """Documented."""
        assert is_grad_enabled() == recorded
        return x + y

    @mode
    def generator(n):
        for i in range(n):
            assert is_grad_enabled() == recorded
            yield i
        return "done"

    for outer in (False, True):
        with set_grad_enabled(outer):
            assert function(1, y=2) == 3
            iterator = generator(2)
            assert is_grad_enabled() == outer
            for _ in iterator:
                assert is_grad_enabled() == outer
            assert is_grad_enabled() == outer
    assert is_grad_enabled()
    assert function.__doc__ == "Documented."


def test_results_of_a_generator_are_not_recorded():
    x = cnet.tensor(1.0, requires_grad=True)

    @no_grad()
    def results():
        yield x * 2
        yield x * 3

    assert [y.requires_grad for y in results()] == [False, False]
    first = next(results())
    assert (x * first).requires_grad


def test_generators_are_sent_to_thrown_into_and_closed():
    log = []

    @no_grad
    def generator():
        try:
            got = yield 1
            log.append((got, is_grad_enabled()))
            try:
                yield 2
            except KeyError:
                log.append(("KeyError", is_grad_enabled()))
            yield 3
        finally:
            log.append(("closed", is_grad_enabled()))

    iterator = generator()
    assert next(iterator) == 1
    assert iterator.send("x") == 2
    assert iterator.throw(KeyError()) == 3
    iterator.close()
    assert log == [("x", False), ("KeyError", False), ("closed", False)]
    failing = generator()
    next(failing)
    with pytest.raises(ZeroDivisionError):
        failing.throw(ZeroDivisionError())
    assert is_grad_enabled()

    @no_grad
    def returning():
        yield 1
        return 5

    def delegating():
        result = yield from returning()
        assert is_grad_enabled()
        yield result

    assert list(delegating()) == [1, 5]


def test_one_object_is_used_twice_and_nested():
    mode = no_grad()
    for _ in range(2):
        with mode:
            assert not is_grad_enabled()
            with enable_grad():
                with mode:
                    assert not is_grad_enabled()
                assert is_grad_enabled()
            with mode:
                assert not is_grad_enabled()
            assert not is_grad_enabled()
        assert is_grad_enabled()


def test_set_grad_enabled_acts_at_once():
    try:
        set_grad_enabled(False)
        assert not is_grad_enabled()
    finally:
        set_grad_enabled(True)
    for mode in (False, True):
        with set_grad_enabled(mode):
            assert is_grad_enabled() == mode
    assert is_grad_enabled()

    @set_grad_enabled(False)
    def function():
        return is_grad_enabled()

    assert is_grad_enabled()
    assert not function()
    assert is_grad_enabled()


def test_a_mode_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_grad_enabled()
