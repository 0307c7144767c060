"""Records for TensorBoard."""

import sys

import numpy as np
import pytest

import cnet
from cnet.utils.tensorboard import SummaryWriter


def test_without_tensorboardx(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'cnet-nn\[tensorboard\]'"):
        SummaryWriter()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensors_are_recorded(tmp_path):
    pytest.importorskip("tensorboardX")
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", cnet.tensor(0.5, requires_grad=True), global_step=1)
        writer.add_scalars("both", {"a": cnet.tensor(1.0), "b": 2.0}, 1)
        writer.add_histogram("weights", cnet.tensor(np.arange(9.0)), 1)
        writer.add_image("image", cnet.tensor(np.zeros((3, 4, 5), np.float32)), 1)
        writer.add_text("note", "text", 1)
        with pytest.warns(UserWarning, match=r"writes nothing; use cnet\.graph"):
            writer.add_graph(None)
    assert any(path.stat().st_size for path in tmp_path.rglob("events*"))
