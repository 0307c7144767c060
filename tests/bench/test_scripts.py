"""The scripts of bench/: records, the table of the README, memory, peers."""

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cnet.bench import compiled
from cnet.bench.cases import CLASSES, initial_parameters

BENCH = Path(__file__).parents[2] / "bench"


def _script(name: str) -> ModuleType:
    spec = spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / f"{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def records() -> list[dict[str, Any]]:
    def record(threads: int, ours: float) -> dict[str, Any]:
        cases = [
            {"title": title, "timings": {"cnet": {"median": ours}, "NumPy": {"median": theirs}}}
            for title, theirs in (("im2col", 6.0), ("training step", 90.0))
        ]
        return {
            "sides": ["cnet", "NumPy"],
            "cases": cases,
            "threads": threads,
            "rounds": 15,
            "batch": 256,
            "dtype": "float32",
            "config": {"cnet": "1.2", "isa": "avx2", "cpu": "a CPU"},
            "numpy": {"version": "2.4", "blas": "a BLAS"},
        }

    return [record(1, 5.0), record(2, 3.0)]


def test_readme_is_written_and_checked(tmp_path, records):
    record, readme = tmp_path / "record.json", tmp_path / "README.md"
    record.write_text(json.dumps(records))
    readme.write_text("before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n")
    arguments = "--record", str(record), "--readme", str(readme)

    assert _run("readme", *arguments, "--check").returncode == 1
    assert "old" in readme.read_text()
    assert _run("readme", *arguments).returncode == 0
    times = "\N{MULTIPLICATION SIGN}"
    assert readme.read_text() == (
        "before\n<!-- bench:begin -->\n"
        "| work | cnet ms | NumPy ms | ratio |\n"
        "| --- | --: | --: | --: |\n"
        f"| im2col | 3.00 | 6.00 | 2.00{times} |\n"
        f"| training step | 3.00 | 90.0 | 30.0{times} |\n"
        f"| training step, 1 thread | 5.00 | 90.0 | 18.0{times} |\n"
        "\n"
        "Batch 256, float32, 2 threads, median of 15 rounds; cnet 1.2 (avx2), "
        "NumPy 2.4 (a BLAS), a CPU; ratios are to cnet.\n"
        "<!-- bench:end -->\nafter\n"
    )
    assert _run("readme", *arguments, "--check").returncode == 0


@pytest.mark.parametrize(
    "text", ["", "<!-- bench:begin -->", "<!-- bench:end --><!-- bench:begin -->"]
)
def test_readme_without_markers_is_refused(text):
    with pytest.raises(ValueError, match="bench:begin"):
        _script("readme").replace(text, "new")


def test_record_holds_both_thread_counts(tmp_path, monkeypatch):
    script = _script("record")
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(script.record, "take", lambda sides, **options: options)
    monkeypatch.setattr(script.table, "circumstances", str)
    monkeypatch.setattr(sys, "argv", ["record.py", "here", "--rounds", "4"])
    monkeypatch.setattr(script.table.Printer, "row", None)
    script.main()
    kept = json.loads((tmp_path / "results" / "here.json").read_text())
    assert kept == [{"threads": n, "rounds": 4, "report": None} for n in (1, 2)]


@pytest.mark.parametrize("resettable", [True, False])
def test_peak_growth_sees_what_was_freed_again(resettable):
    code = (
        f"import sys; sys.path.insert(0, {str(BENCH)!r})\n"
        "import memory, numpy as np, pathlib\n"
        f"if not {resettable}: memory.CLEAR_REFS = pathlib.Path('/no/such/file')\n"
        "print(memory.peak_growth(lambda: np.ones(50_000_000, np.uint8).sum()))"
    )
    # Through a shell, because a process begins with the peak of the one that it was forked from.
    shell = ["/bin/sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, code]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert 49e6 < int(done.stdout) < 60e6


def test_a_training_step_takes_less_than_200_megabytes():
    done = _run("memory")
    assert done.returncode == 0, done.stderr
    (megabytes,) = re.findall(r"cnet: ([\d.]+) MB for a training step, batch 256", done.stdout)
    assert 5 < float(megabytes) < 200


def test_peers_say_that_pytorch_is_absent(monkeypatch, capsys):
    script = _script("peers")

    def version(name: str) -> str:
        raise script.PackageNotFoundError(name)

    monkeypatch.setattr(script, "version", version)
    monkeypatch.setattr(sys, "argv", ["peers.py"])
    assert script.main() == 1
    assert "PyTorch is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["nchw", "channels_last"])
def test_pytorch_trains_alike(layout):
    pytest.importorskip("torch", reason="PyTorch is the peer that is compared with")
    rng = np.random.default_rng(0)
    x, target = rng.random((5, 1, 28, 28), np.float32), rng.integers(0, CLASSES, 5)
    ours = compiled.trainer(initial_parameters())
    theirs = getattr(_script("torch_side"), layout).trainer(initial_parameters())
    for _ in range(2):
        assert theirs.step(x, target) == pytest.approx(ours.step(x, target), rel=1e-4)
        for gradient, correct in zip(theirs.gradients, ours.gradients, strict=True):
            np.testing.assert_allclose(gradient, correct, rtol=1e-3, atol=1e-5)
