"""PyTorch's own samples of operations: values, dtypes, shapes, gradients and errors."""

import pytest

from parity import vocabulary

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", vocabulary.present("operations"))
def test_samples(samples, name, dtype):
    if name in vocabulary.RANDOM.split():
        pytest.skip("the result is random; tests of its family check it")
    for operation, sample in samples.of_operation(name, dtype):
        args, kwargs = (sample.input, *sample.args), sample.kwargs
        convert = samples.Converter()
        own_args, own_kwargs = convert(args), convert(kwargs)
        theirs = operation(*args, **kwargs)
        result = samples.ours(name)(*own_args, **own_kwargs)
        seen = f"{name}{args}, {kwargs}"
        samples.assert_same(result, theirs, seen)
        samples.assert_same_gradients(result, theirs, convert, f"gradients of {seen}")


@pytest.mark.parametrize("name", vocabulary.present("operations"))
def test_error_inputs(samples, name):
    for operation, sample in samples.errors_of_operation(name):
        args, kwargs = (sample.input, *sample.args), sample.kwargs
        try:
            operation(*args, **kwargs)
        except Exception:
            with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
                samples.call(samples.ours(name), args, kwargs)
        else:
            assert name in vocabulary.ACCEPTED
