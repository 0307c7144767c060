"""PyTorch's own samples of modules: state, values, gradients, buffers and errors."""

import pytest

from cnet import nn
from parity import vocabulary

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", vocabulary.present("nn"))
def test_samples(samples, name, dtype, training):
    if name in vocabulary.RANDOM.split() and training:
        pytest.skip("the result is random; tests of its family check it")
    for module, reference, forward in samples.of_module(name, dtype, training):
        assert [*module.state_dict()] == [*reference.state_dict()]
        convert = samples.Converter()
        args, kwargs = convert(forward.args), convert(forward.kwargs)
        for own, their in zip(module.parameters(), reference.parameters(), strict=True):
            convert.made[id(their)] = their, own
        theirs, result = reference(*forward.args, **forward.kwargs), module(*args, **kwargs)
        samples.assert_same(result, theirs, f"{module}")
        samples.assert_same_gradients(result, theirs, convert, f"gradients of {module}")
        for own, their in zip(module.buffers(), reference.buffers(), strict=True):
            samples.assert_close(own, their, f"buffers of {module}")


@pytest.mark.parametrize("name", vocabulary.present("nn"))
def test_error_inputs(samples, name):
    for sample in samples.errors_of_module(name):
        convert = samples.Converter()
        built, called = convert(sample.constructor_input), convert(sample.forward_input)
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
            getattr(nn, name)(*built[0], **built[1])(*called[0], **called[1])
