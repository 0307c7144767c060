"""Selection of the instruction set and of the number of threads."""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cnet import _core, geometry, kernels, runtime
from cnet._cpus import default_num_threads

COMPILED = "generic", "avx2", "avx512"


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new interpreter with only these environment variables of cnet and OpenMP."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CNET_") and name != "OMP_NUM_THREADS"
    }
    return subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True
    )


def _printed(code: str, **environment: str) -> str:
    process = _python(code, **environment)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def _last_line(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 1
    return process.stderr.strip().splitlines()[-1]


def test_available_isas() -> None:
    isas = runtime.available_isas()
    assert isas[:2] == ("reference", "generic")
    assert set(isas) <= {"reference", *COMPILED}
    assert list(isas) == sorted(isas, key=("reference", *COMPILED).index)


@pytest.mark.parametrize("name", runtime.available_isas())
def test_use_isa_switches_and_restores(name: str) -> None:
    before = runtime.current_isa()
    with runtime.use_isa(name):
        assert runtime.current_isa() == name
        assert runtime.reference_is_active() == (name == "reference")
        with runtime.use_isa("generic"):
            assert runtime.current_isa() == "generic"
        assert runtime.current_isa() == name
    assert runtime.current_isa() == before


def test_use_isa_lasts_without_a_with_statement() -> None:
    before = runtime.current_isa()
    restore = runtime.use_isa("reference")
    runtime.use_isa("generic")
    assert runtime.current_isa() == "generic"
    with restore:
        pass
    assert runtime.current_isa() == before


def test_an_exception_restores() -> None:
    before = runtime.current_isa(), runtime.get_num_threads()
    with pytest.raises(KeyError), runtime.use_isa("generic"), runtime.use_threads(7):
        raise KeyError
    assert (runtime.current_isa(), runtime.get_num_threads()) == before


@pytest.mark.parametrize("name", ["sse9", "", "AVX2", "generic ", None, 0, ["avx2"]])
def test_use_isa_refuses_unknown_names(name: Any) -> None:
    before = runtime.current_isa()
    with pytest.raises(ValueError, match=r"use_isa: name must be one of reference, generic") as e:
        runtime.use_isa(name)
    assert f"(got {name!r})" in str(e.value)
    assert runtime.current_isa() == before


def test_use_isa_refuses_what_the_machine_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = runtime.current_isa()
    monkeypatch.setattr(runtime, "_compiled", {"generic": True, "avx2": False})
    with pytest.raises(
        ValueError, match=r"name: this machine does not support 'avx2'; it supports"
    ):
        runtime.use_isa("avx2")
    monkeypatch.undo()
    assert runtime.current_isa() == before


def test_the_chosen_kernels_run() -> None:
    """Results differ in rounding: only instruction sets after generic fuse products and sums."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 64, 64), np.float32)
    results = {}
    for name in runtime.available_isas():
        with runtime.use_isa(name):
            results[name] = kernels.matmul(a, b).tobytes()
    for name in runtime.available_isas()[2:]:
        assert results[name] != results["generic"]
    assert results["reference"] == (a @ b).tobytes()


def test_use_exact_switches_and_restores() -> None:
    assert not runtime.exact_is_on()
    with runtime.use_exact():
        assert runtime.exact_is_on()
        with runtime.use_exact(False):
            assert not runtime.exact_is_on()
        assert runtime.exact_is_on()
    assert not runtime.exact_is_on()


def test_use_exact_rules_out_winograd() -> None:
    """Identical to "exact", bit for bit; the default is not for such sizes."""
    x, weight = np.random.default_rng(0).standard_normal((2, 32, 32, 9, 9), np.float32)
    weight = weight[:, :, :3, :3]
    default = kernels.conv2d(x, weight).tobytes()
    exact = kernels.conv2d(x, weight, algorithm="exact").tobytes()
    with runtime.use_isa(runtime.available_isas()[-1]), runtime.use_exact():
        assert kernels.conv2d(x, weight).tobytes() == exact
    assert default != exact


def test_an_empty_cache_fills_again() -> None:
    x = np.ones((64, 64, 64), np.float32)
    first = kernels.relu(x)
    del first
    runtime.empty_cache()
    assert (kernels.relu(x) == 1).all()
    runtime.empty_cache()


@pytest.mark.parametrize("name", runtime.available_isas())
def test_cnet_isa(name: str) -> None:
    code = "from cnet import runtime; print(runtime.current_isa())"
    assert _printed(code, CNET_ISA=name) == name


def test_the_fastest_isa_is_the_default() -> None:
    code = "from cnet import runtime; print(runtime.current_isa())"
    assert _printed(code) == runtime.available_isas()[-1]


@pytest.mark.parametrize("name", ["sse9", "-", "AVX512"])
def test_cnet_isa_must_be_known(name: str) -> None:
    assert _last_line(_python("import cnet.runtime", CNET_ISA=name)) == (
        "ValueError: CNET_ISA must be one of "
        f"{', '.join(('reference', *dict(_core.isas())))} (got {name!r})"
    )


def test_cnet_amx() -> None:
    code = (
        "from cnet import runtime as r; c = r.config();"
        "print(c['int8'], r.int8_dots(), c['bfloat16'], r.amx_is_used())"
    )
    name, number, bfloat16, amx = _printed(code).split()
    assert name == runtime.DOTS[int(number)]
    assert bfloat16 == ("amx" if name == "amx" else "float32")
    assert amx == str(name == "amx")
    name, number, bfloat16, amx = _printed(code, CNET_AMX="0").split()
    assert name == runtime.DOTS[int(number)] != "amx"
    assert (bfloat16, amx) == ("float32", "False")
    assert _last_line(_python("import cnet.runtime", CNET_AMX="no")) == (
        "ValueError: CNET_AMX must be 0 or 1 (got 'no')"
    )


@pytest.mark.parametrize(("value", "threads"), [("1", 1), ("3", 3), (" 8 ", 8), ("256", 256)])
def test_cnet_num_threads(value: str, threads: int) -> None:
    code = "from cnet import runtime; print(runtime.get_num_threads())"
    assert _printed(code, CNET_NUM_THREADS=value) == str(threads)


def test_the_default_number_of_threads() -> None:
    code = "from cnet import runtime; print(runtime.get_num_threads())"
    assert _printed(code) == str(min(default_num_threads(), _core.max_threads))


DEFAULT = min(default_num_threads(), _core.max_threads)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_is_as_if_it_were_not_set(empty: str) -> None:
    code = "from cnet import runtime; print(runtime.current_isa(), runtime.get_num_threads())"
    printed = _printed(code, CNET_ISA=empty, CNET_NUM_THREADS=empty, OMP_NUM_THREADS=empty)
    assert printed == f"{runtime.available_isas()[-1]} {DEFAULT}"


@pytest.mark.parametrize(
    ("omp", "ours", "threads"),
    [
        ("1", None, 1),
        ("5", "", 5),
        ("4,2", None, 4),
        (" 3 , 1", None, 3),
        ("5", "3", 3),
        ("999", None, 256),
        *((value, None, DEFAULT) for value in ("0", "-1", "many", "1.5", ",2", "0x2", "9" * 50)),
    ],
)
def test_omp_num_threads(omp: str, ours: str | None, threads: int) -> None:
    code = "from cnet import runtime as r; print(r.get_num_threads(), r.config()['threads'])"
    variables = {} if ours is None else {"CNET_NUM_THREADS": ours}
    assert _printed(code, OMP_NUM_THREADS=omp, **variables) == f"{threads} {threads}"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("0", "must be between 1 and 256 (got 0)"),
        ("-1", "must be between 1 and 256 (got -1)"),
        ("257", "must be between 1 and 256 (got 257)"),
        ("two", "must be an int (got 'two')"),
        ("1.5", "must be an int (got '1.5')"),
        ("-", "must be an int (got '-')"),
        ("²", "must be an int (got '²')"),
    ],
)
def test_cnet_num_threads_must_be_in_range(value: str, complaint: str) -> None:
    process = _python("import cnet.runtime", CNET_NUM_THREADS=value, PYTHONUTF8="1")
    assert _last_line(process) == f"ValueError: CNET_NUM_THREADS {complaint}"


@pytest.mark.parametrize("threads", [1, 2, 8, 256, np.int64(3)])
def test_set_num_threads(threads: int) -> None:
    with runtime.use_threads(runtime.get_num_threads()):
        runtime.set_num_threads(threads)
        assert runtime.get_num_threads() == threads
        assert type(runtime.get_num_threads()) is int


def test_use_threads_restores() -> None:
    before = runtime.get_num_threads()
    with runtime.use_threads(5):
        assert runtime.get_num_threads() == 5
        with runtime.use_threads(2):
            assert runtime.get_num_threads() == 2
        assert runtime.get_num_threads() == 5
    assert runtime.get_num_threads() == before


@pytest.mark.parametrize("name", ["set_num_threads", "use_threads"])
@pytest.mark.parametrize(
    ("threads", "error", "complaint"),
    [
        (0, ValueError, r"must be between 1 and 256 \(got 0\)"),
        (-1, ValueError, r"must be between 1 and 256 \(got -1\)"),
        (257, ValueError, r"must be between 1 and 256 \(got 257\)"),
        (2**80, ValueError, r"must be between 1 and 256"),
        (2.0, TypeError, r"must be an int \(got 2\.0\)"),
        ("2", TypeError, r"must be an int \(got '2'\)"),
        (None, TypeError, r"must be an int \(got None\)"),
        (True, TypeError, r"must be an int \(got True\)"),
    ],
)
def test_numbers_of_threads_out_of_range(
    name: str, threads: Any, error: type[Exception], complaint: str
) -> None:
    before = runtime.get_num_threads()
    with pytest.raises(error, match=f"^{name}: threads {complaint}"):
        getattr(runtime, name)(threads)
    assert runtime.get_num_threads() == before


def test_config_fits_into_json() -> None:
    with runtime.use_isa("generic"), runtime.use_threads(3):
        config = runtime.config()
    assert json.loads(json.dumps(config)) == config
    assert config["isa"] == "generic"
    assert config["threads"] == 3
    assert config["available_isas"] == list(runtime.available_isas())
    assert config["default_threads"] >= 1
    assert config["numpy"] == np.__version__
    assert all(config[name] for name in ("cnet", "python", "platform", "cpu", "compiler"))


def test_show_config_prints_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    runtime.show_config()
    lines = capsys.readouterr().out.splitlines()
    config = runtime.config()
    assert len(lines) == len(config)
    for line, (name, value) in zip(lines, config.items(), strict=True):
        text = ", ".join(value) if isinstance(value, list) else str(value)
        assert line.startswith(name.replace("_", " "))
        assert line.endswith(f" {text}")


def test_geometries_are_those_of_c() -> None:
    assert geometry.Conv2d._fields == _core.conv2d_fields
    assert geometry.Window2d._fields == _core.window2d_fields
