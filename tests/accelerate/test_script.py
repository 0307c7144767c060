"""``python -m cnet.accelerate``: the same output as without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from written_scripts import NET, SCRIPT, run

from cnet.accelerate._write import decorated


def test_a_script_prints_the_same(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "net.py").write_text(NET)
    own = run(tmp_path, "train.py", "--fail", "a")
    assert own.returncode == 3
    got = run(tmp_path, "-m", "cnet.accelerate", "--report", "--at-once", "train.py", "--fail", "a")
    assert (got.stdout, got.returncode) == (own.stdout, own.returncode)
    report = got.stderr.splitlines()
    assert [line.split()[0] for line in report] == [
        "MaxPool2.forward", "MaxPool2.backprop", "Conv3x3.forward", "Conv3x3.backprop", "in", "of",
    ]  # fmt: skip
    assert "by cnet" in got.stderr


def test_only_and_write(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(SCRIPT.replace("\n", "\r\n").encode())
    (tmp_path / "net.py").write_text(NET)
    own = run(tmp_path, "train.py")
    got = run(
        tmp_path, "-m", "cnet.accelerate", "--at-once", "--only", "Conv*", "--write", "train.py"
    )
    assert got.stdout == own.stdout
    assert (tmp_path / "net.py").read_text() == NET
    expected = SCRIPT.replace("import sys\n", "import cnet\nimport sys\n").replace(
        "class Conv3x3", "@cnet.accelerate\nclass Conv3x3"
    )
    assert (tmp_path / "train.py").read_bytes() == expected.replace("\n", "\r\n").encode()
    again = run(tmp_path, "train.py")
    assert (again.stdout, again.returncode) == (own.stdout, 0)


def test_errors_of_the_command(tmp_path: Path) -> None:
    got = run(tmp_path, "-m", "cnet.accelerate", "none.py")
    assert (got.returncode, got.stderr) == (2, "cnet.accelerate: no such file: none.py\n")
    got = run(tmp_path, "-m", "cnet.accelerate", "--report")
    assert got.returncode == 2
    assert got.stderr.endswith("arguments are required: script\n")
    (tmp_path / "wrong.py").write_text(
        "x = 1\n\ndef conv_forward(x):\n    return 1 / 0\n\nconv_forward(1)\n"
    )
    own = run(tmp_path, "wrong.py")
    got = run(tmp_path, "-m", "cnet.accelerate", "wrong.py")
    assert got.returncode == own.returncode == 1
    assert own.stderr.splitlines()[-3:] == got.stderr.splitlines()[-3:]


def test_decorators_are_written_once() -> None:
    text = "import cnet\n\n@cnet.accelerate\nclass A:\n    x = 1\n\n@d\nclass B:\n    x = 1\n"
    assert decorated(text, {5, 9}) == text.replace("@d", "@cnet.accelerate\n@d")


def test_lines_are_those_of_python() -> None:
    """A form feed, which may separate parts of a file, does not end a line."""
    text = "import cnet\n\f\nclass A:\n    x = 1\n"
    assert decorated(text, {4}) == text.replace("class", "@cnet.accelerate\nclass")


def modules_of(folder: Path, text: str) -> set[str]:
    """The modules of cnet that a script has imported in the end."""
    (folder / "script.py").write_text(
        f"import sys\n{text}\nprint(*(name for name in sys.modules if name.startswith('cnet')))"
    )
    got = run(folder, "-m", "cnet.accelerate", "script.py")
    assert got.returncode == 0, got.stderr
    return set(got.stdout.split())


def test_a_script_of_which_nothing_is_learned_imports_little(tmp_path: Path) -> None:
    assert not {"cnet.kernels", "cnet.tensor", "cnet.accelerate._learned"} & modules_of(
        tmp_path, ""
    )
    assert "cnet.tensor" not in modules_of(tmp_path, "import cnet.accelerate._learned")


def test_a_script_starts_soon(tmp_path: Path) -> None:
    """Without modules that take a millisecond each, unless the script itself imports them."""
    (tmp_path / "script.py").write_text("import sys, numpy\nprint(*sys.modules)")
    own, got = (run(tmp_path, *way, "script.py") for way in ((), ("-m", "cnet.accelerate")))
    slow = {"argparse", "dataclasses", "gettext", "numpy.typing", "cnet.accelerate._report"}
    assert not slow & {*got.stdout.split()} - {*own.stdout.split()}


@pytest.mark.parametrize(
    "use",
    [
        "import cnet; t = cnet.Tensor", "from cnet import *; t = Tensor",
        "from cnet import nn; from cnet import Tensor as t", "from cnet.tensor import Tensor as t",
        "import cnet.functional as F; t = type(F.relu(cnet.ones(1)))",
        "import cnet; t = cnet; cnet.exp_", "import cnet; t = cnet; assert 'relu' in dir(cnet)",
    ],
)  # fmt: skip
def test_a_script_may_use_cnet(use: str, tmp_path: Path) -> None:
    check = "import cnet; assert t in (cnet, cnet.Tensor) and cnet.ones(2).exp().sum() > 5"
    more = "assert sys.modules['cnet.tensor'].__spec__.origin and cnet.tensor(1) == 1"
    assert "cnet.functional" in modules_of(tmp_path, f"import cnet\n{use}\n{check}\n{more}")


def test_packages_of_other_environments_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "other" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "installed.py").write_text(NET)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "script.py").write_text(
        f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport installed, net\n"
        "print(*(hasattr(m.MaxPool2.forward, 'cnet_watched') for m in (installed, net)))\n"
    )
    assert run(tmp_path, "-m", "cnet.accelerate", "script.py").stdout == "False True\n"


def test_byte_code_with_decorators_has_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("from net import MaxPool2\nprint(MaxPool2.forward)\n")
    (tmp_path / "net.py").write_text(NET)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for command in (["script.py"], ["-m", "cnet.accelerate", "script.py"]) * 2:
        subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, check=True)
    names = [path.name for path in (tmp_path / "__pycache__").iterdir()]
    assert sorted("-cnet-" in name for name in names) == [False, True]
