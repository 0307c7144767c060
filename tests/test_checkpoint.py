"""Checkpoints: saved values are restored, and failures and damage raise errors."""

import gzip
import io
import json
import math
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import tarfile
import textwrap
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnet import nn
from cnet._files import atomic_write
from cnet._narrow import NARROW
from cnet.checkpoint import CheckpointError, load, save, structure

TORCH_NARROW = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
DTYPES = "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8"


def identical(a, b):
    """Whether two nested structures are identical, bit for bit, except for byte order."""
    if type(a) is not type(b):
        return False
    match a:
        case np.ndarray():
            native = a.astype(a.dtype.newbyteorder("="))
            return (native.dtype, a.shape) == (b.dtype, b.shape) and native.tobytes() == b.tobytes()
        case dict():
            return [(type(k), k) for k in a] == [(type(k), k) for k in b] and all(
                identical(a[k], b[k]) for k in a
            )
        case list() | tuple():
            return len(a) == len(b) and all(map(identical, a, b))
        case float():
            return struct.pack("d", a) == struct.pack("d", b)
    return a == b


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file for all examples of a property."""
    return tmp_path_factory.mktemp("checkpoint") / "scratch.safetensors"


def texts():
    return st.text(st.characters(exclude_categories=()), max_size=8)  # surrogates as well


def arrays():
    shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
    dtypes = st.sampled_from(DTYPES).flatmap(
        lambda code: st.sampled_from([np.dtype(code), np.dtype(code).newbyteorder(">")])
    )
    return dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**130), 2**130),
    st.floats(),
    texts(),
    arrays(),
)
NESTED = st.recursive(
    LEAVES,
    lambda nested: st.one_of(
        st.lists(nested, max_size=4),
        st.lists(nested, max_size=4).map(tuple),
        st.dictionaries(texts() | st.integers() | st.sampled_from("ab."), nested, max_size=4),
    ),
    max_leaves=12,
)


class TestRoundTrip:
    @settings(deadline=None)
    @given(obj=NESTED)
    def test_anything(self, scratch, obj):
        save(obj, scratch)
        assert identical(obj, load(scratch))

    def test_a_run(self, path):
        run = {
            "epoch": 3,
            "model": {"0.weight": np.ones((2, 3), np.float32), "0.bias": np.zeros(2)},
            "optimizer": {"state": {0: {"step": 7, "exp_avg": np.arange(6.0)}}, "lr": (0.9, 1e-8)},
            "rng": np.random.default_rng(0).bit_generator.state,
            "history": [{"loss": 0.1 + 0.2, "note": None}, {"loss": math.nan, "note": "ü"}],
        }
        save(run, path)
        assert identical(run, load(str(path)))

    @pytest.mark.parametrize(
        "number",
        [
            *(0, -1, 2**53 + 1, 2**64 - 1, 2**64, -(2**64), 2**128 - 1, 3**20000),
            *(-0.0, 5e-324, math.inf, -math.inf),
            *struct.unpack(">2d", bytes.fromhex("7ff800000000beef fff8000000000000")),
        ],
        ids=lambda number: f"{number:.3g}" if isinstance(number, float) else str(number % 10**9),
    )
    def test_numbers(self, path, number):
        save(number, path)
        assert identical(number, load(path))

    def test_layouts(self, path):
        base = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
        layouts = [base.T, base[:, ::-1, ::2], base.astype(">i2"), np.array(3.5), base[:0]]
        layouts += [np.frombuffer(b"x" + base.tobytes(), np.int16, offset=1)]
        save(layouts, path)
        for array, read in zip(layouts, load(path), strict=True):
            np.testing.assert_array_equal(array, read, strict=array.dtype.isnative)
            assert read.dtype.isnative
            assert read.flags.c_contiguous
            assert read.flags.aligned
            assert read.flags.writeable

    def test_what_becomes_arrays(self, path):
        class Parameter:
            def __array__(self, dtype=None, copy=None):
                return np.array([1, 2], np.float32)

        save([Parameter(), np.float32(0.5), np.float64(0.5), np.int64(3), np.True_], path)
        read = load(path)
        assert [array.dtype.char for array in read] == ["f", "f", "d", "l", "?"]
        assert [array.tolist() for array in read] == [[1, 2], 0.5, 0.5, 3, True]

    def test_subclasses_become_their_base(self, path):
        save(OrderedDict(a=1), path)
        assert type(load(path)) is dict

    def test_same_content_same_bytes(self, path):
        obj = {"b": [np.arange(3), 1.5], "a": {"c": np.zeros((2, 2), np.float16)}}
        save(obj, path)
        first = path.read_bytes()
        save(obj, path)
        assert path.read_bytes() == first


class TestOtherTools:
    def test_names_of_a_state_dict(self, path):
        state = {"0.weight": np.ones((2, 2)), "0.bias": np.zeros(2), "3.weight": np.ones(1)}
        save(state, path)
        read = safetensors.numpy.load_file(path)
        assert read.keys() == state.keys()
        assert all(identical(state[name], read[name]) for name in state)

    def test_names_of_nested_data(self, path):
        save({"model": {"0.weight": np.ones(1)}, "optimizer": [{7: np.ones(1)}]}, path)
        assert set(safetensors.numpy.load_file(path)) == {"model.0.weight", "optimizer.0.7"}

    def test_names_that_clash(self, path):
        obj = {
            "a": {"b": np.array(0), "b'": np.array(1)},
            "a.b": np.array(2),
            "a.b'": np.array(3),
            0: np.array(4),
            "0": np.array(5),
            "__metadata__": np.array(6),
            "\ud800": np.array(7),
            "\\ud800": np.array(8),
            "": np.array(9),
        }
        save(obj, path)
        assert identical(obj, load(path))

    @pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
    def test_files_of_others(self, path, metadata):
        tensors = {"0.weight": np.ones((2, 2), np.float32), "0.bias": np.zeros(2, np.float16)}
        safetensors.numpy.save_file(tensors, path, metadata)
        read = load(path)
        assert read.keys() == tensors.keys()
        assert all(identical(tensors[name], read[name]) for name in tensors)

    def test_a_file_of_today_is_read_for_ever(self, path):
        header = (
            '{"__metadata__":{"cnet.checkpoint":"{\\"cnet.version\\": 1, \\"cnet.sha256\\": \\"'
            "4427bfa655577303242b891487d419f00afce78cd14861485bc2fc5e84788c4a"
            '\\", \\"cnet.structure\\": {\\"dict\\": [[\\"w\\", {\\"array\\": \\"w\\"}], '
            '[3, {\\"tuple\\": [{\\"float\\": \\"7ff0000000000000\\"}, '
            '{\\"int\\": \\"0x10000000000000000\\"}]}]]}}"},'
            '"w":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}'
        )
        path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"\1\0\2\0")
        assert identical(load(path), {"w": np.array([1, 2], np.int16), 3: (math.inf, 2**64)})


class TestWhatIsNotSaved:
    @pytest.mark.parametrize(
        ("obj", "message"),
        [
            (
                {"a": [1, {2}]},
                r"obj\['a'\]\[1\] has a type that cannot be stored \(got <class 'set'>",
            ),
            ([b"x"], r"obj\[0\] has a type .*\(got <class 'bytes'>\)"),
            (1j, r"obj has a type .*\(got <class 'complex'>\)"),
            ({"m": {(1, 2): 3}}, r"the keys of obj\['m'\] must be str or int \(got \(1, 2\)\)"),
            ({True: 1}, r"the keys of obj must be str or int \(got True\)"),
            ({"x": np.zeros(2, complex)}, r"obj\['x'\] has a dtype .*\(got complex128\)"),
            (
                nn.Linear(1, 1),
                r"obj has a type .*'cnet\.nn\.linear\.Linear'>\); pass its state_dict\(\)",
            ),
            ([np.array([None])], r"obj\[0\] has a dtype that cannot be stored \(got object\)"),
            ([np.array(["x"])], r"obj\[0\] has a dtype that cannot be stored \(got <U1\)"),
            ([np.zeros(1, np.longdouble)], r"obj\[0\] has a dtype .*\(got float128\)"),
            ([np.zeros(1, "M8[s]")], r"obj\[0\] has a dtype .*\(got datetime64\[s\]\)"),
            ([np.zeros(1, "f4,i4")], r"obj\[0\] has a dtype .*"),
        ],
    )
    def test_types(self, path, obj, message):
        with pytest.raises(TypeError, match="save: " + message):
            save(obj, path)
        assert not list(path.parent.iterdir())

    def test_depth(self, path):
        obj = 1
        for _ in range(100):
            obj = [obj]
        save(obj, path)
        assert identical(obj, load(path))
        with pytest.raises(ValueError, match=r"save: obj must be nested at most 100 levels deep"):
            save([obj], path)
        cycle = []
        cycle += [cycle, cycle]
        with pytest.raises(ValueError, match=r"save: obj must be nested at most 100 levels deep"):
            save(cycle, path)

    def test_arguments_the_wrong_way_round(self, path):
        with pytest.raises(TypeError, match="not dict"):
            save(str(path), {"a": 1})


def pack(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def tensor(dtype, shape, start, stop):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def forge(parts, tensors=None, /, **changes):
    """A file with a correct hash for any structure."""
    tensors = tensors or {}
    digest = structure.digest(parts, tensors)
    content = {"version": 1, "sha256": digest, "structure": parts, **changes}
    text = json.dumps({f"cnet.{name}": value for name, value in content.items()})
    return safetensors.numpy.save(tensors, {"cnet.checkpoint": text})


ONE = {"a": np.ones(1)}


class TestHostileFiles:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"1234567",
            struct.pack("<Q", 2**63) + b"{}",
            struct.pack("<Q", 10**8) + b"{}",
            pack(b"{"),
            pack(b"[]"),
            pack(b"\xff"),
            pack(b'{"a":' + b"[" * 99999 + b"]" * 99999 + b"}"),
            pack({"a": tensor("U8", [2], 0, 1)}, b"x"),
            pack({"a": tensor("U8", [1], 0, 1)}),
            pack({"a": tensor("U8", [1], 0, 1)}, b"xy"),
            pack({"a": tensor("U8", [1], 1, 2)}, b"xy"),
            pack({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, b"xyz"),
            pack({"a": tensor("F64", [2**61 + 1], 0, 8)}, bytes(8)),
            pack({"a": tensor("U8", [1] * 65, 0, 1)}, b"x"),
            pack({"a": tensor("U8", [2**63, 0], 0, 0)}),
            pack({"a": tensor("X3", [1], 0, 1)}, b"x"),
            pack({"__metadata__": {"cnet.checkpoint": 3}}),
        ],
        ids=range(18),
    )
    def test_not_safetensors(self, path, content):
        path.write_bytes(content)
        with pytest.raises(
            CheckpointError,
            match=f"load: {path} (cannot be read: |is not a safetensors or PyTorch file).+",
        ):
            load(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (pack({"a": tensor("F4", [4], 0, 2)}, b"xy"), "no dtype for .* of type 'F4'"),
            (pack({"__metadata__": {"cnet.checkpoint": ""}}), "Expecting value"),
            (pack({"__metadata__": {"cnet.checkpoint": "[" * 99999}}), "recursion"),
            (pack({"__metadata__": {"cnet.checkpoint": "9" * 5000}}), "integer string conversion"),
            (pack({"__metadata__": {"cnet.checkpoint": "[]"}}), "structure is not readable"),
            (pack({"__metadata__": {"cnet.checkpoint": "{}"}}), "structure is not readable"),
            (
                pack({"__metadata__": {"cnet.checkpoint": '{"cnet.version": 1}'}}),
                "structure is not readable",
            ),
            (forge(1, version=2), r"structure must have version 1 \(got 2\)"),
            (forge(1, version=None), r"structure must have version 1 \(got None\)"),
            (forge(1, sha256="0" * 64), "does not match its hash"),
            (forge(1, sha256=None), "does not match its hash"),
            (forge(1, structure=2), "does not match its hash"),
            (
                forge({"array": "b"}, ONE),
                "an unknown part, or one without its tensor: {'array': 'b'}",
            ),
            (
                forge([{"array": "a"}] * 2, ONE),
                "an unknown part, or one without its tensor: {'array': 'a'}",
            ),
            (forge({"array": ["a"]}, ONE), "an unknown"),
            (forge([], ONE), r"structure lacks the tensors \['a'\]"),
            (forge({}), "an unknown"),
            (forge({"dict": 3}), "an unknown"),
            (forge({"dict": [3]}), "an unknown"),
            (forge({"dict": [[[], 3]]}), "an unknown"),
            (forge({"dict": [["a", 1], ["a", 2]]}), "an unknown"),
            (forge({"float": "7ff0"}), "requires a buffer of 8 bytes"),
            (forge({"float": "x"}), "hexadecimal"),
            (forge({"int": "x"}), "invalid literal"),
            (forge({"object": "os.system"}), "an unknown"),
        ],
        ids=range(25),
    )
    def test_not_ours(self, path, content, message):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=f"load: {path} cannot be read: .*{message}"):
            load(path)

    @pytest.mark.parametrize("name", sorted(NARROW))
    def test_narrow_floats_are_those_of_pytorch(self, path, name):
        torch = pytest.importorskip("torch")
        dtype = getattr(torch, TORCH_NARROW[name])
        size = 2 if name == "BF16" else 1
        codes = np.arange(256**size, dtype=f"<u{size}").tobytes()
        path.write_bytes(pack({"a": tensor(name, [2, 256**size // 2], 0, len(codes))}, codes))
        read = load(path)["a"]
        expected = torch.frombuffer(bytearray(codes), dtype=dtype).float().reshape(2, -1).numpy()
        np.testing.assert_array_equal(read, expected, strict=True)
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(read)[numbers], np.signbit(expected)[numbers])

    @pytest.mark.parametrize(
        ("name", "codes", "values"),
        [
            ("BF16", [0x80, 0x3F, 0x00, 0xC0, 0x80, 0x7F], [1, -2, np.inf]),
            ("F8_E4M3", [0x38, 0x01, 0x7E, 0xFE, 0x7F], [1, 2**-9, 448, -448, np.nan]),
            ("F8_E4M3FNUZ", [0x40, 0x01, 0x7F, 0x80], [1, 2**-10, 240, np.nan]),
            ("F8_E5M2", [0x3C, 0x01, 0x7B, 0xFC, 0x7D], [1, 2**-16, 57344, -np.inf, np.nan]),
            ("F8_E5M2FNUZ", [0x40, 0x01, 0x7F, 0x80], [1, 2**-17, 57344, np.nan]),
            ("F8_E8M0", [127, 0, 254, 255], [1, 2**-127, 2**127, np.nan]),
        ],
        ids=range(6),
    )
    def test_narrow_floats(self, path, name, codes, values):
        stored = tensor(name, [len(values)], 0, len(codes))
        path.write_bytes(pack({"a": stored}, bytes(codes)))
        np.testing.assert_array_equal(load(path)["a"], np.array(values, np.float32), strict=True)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"", "an empty file"),
            (bytes(100), "a file of zeros only"),
            (pickle.dumps({"a": [1]}), "a pickle"),
            (pickle.dumps({"a": [1]}, 0), "a pickle"),
            (pickle.dumps([np.zeros(3)], 0), "a pickle"),
            (pickle.dumps([1, 2], 1), "a pickle"),
            (pickle.dumps(np.zeros(3), 2), "a pickle"),
            (gzip.compress(b"model"), "a gzip file"),
            (b"  \n<!DOCTYPE HTML><html><body>404</body></html>", "an HTML page"),
            (b"\xef\xbb\xbf<html><head>", "an HTML page"),
            (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML file"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
                "a Git LFS pointer",
            ),
            (b'{"model": [1, 2]}', "a JSON file"),
            ("größer".encode(), "a text file"),
            (b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file"),
            (b"\x93NUMPY\x01\x00", "a NumPy array"),
            (b"GGUF\x03\0\0\0" + bytes(20), "a GGUF file"),
        ],
        ids=range(17),
    )
    def test_what_a_file_seems_to_be(self, path, content, kind):
        path.write_bytes(content)
        message = f"load: {path} is not a safetensors or PyTorch file; it seems to be {kind}"
        with pytest.raises(CheckpointError, match=re.escape(message)):
            load(path)

    def test_archives(self, path):
        np.savez(path.with_suffix(".npz"), a=np.zeros(3))
        with pytest.raises(CheckpointError, match=r"seems to be a NumPy archive \(\.npz\)"):
            load(path.with_suffix(".npz"))
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo("weights"), io.BytesIO())
        with pytest.raises(CheckpointError, match="seems to be a tar archive"):
            load(path)

    def test_a_folder(self, tmp_path):
        message = f"load: {tmp_path} is not a file: it is a folder"
        with pytest.raises(CheckpointError, match=re.escape(message)):
            load(tmp_path)

    def test_deep_structures(self, path):
        for depth in (500, 5000, 50000):
            text = '{"cnet.version": 1, "cnet.sha256": "", "cnet.structure": %s}' % (
                "[" * depth + "]" * depth
            )
            path.write_bytes(pack({"__metadata__": {"cnet.checkpoint": text}}))
            with pytest.raises(CheckpointError):
                load(path)

    def test_missing_file(self, path):
        with pytest.raises(FileNotFoundError, match="run"):
            load(path)

    @settings(deadline=None)
    @given(content=st.binary())
    def test_random_bytes(self, scratch, content):
        scratch.write_bytes(content)
        with pytest.raises(CheckpointError):
            load(scratch)

    @settings(deadline=None)
    @given(structure=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda nested: st.lists(nested) | st.dictionaries(
            st.sampled_from(["dict", "tuple", "array", "int", "float", "x"]), nested, max_size=2
        ),
    ))  # fmt: skip
    def test_random_structures(self, scratch, structure):
        scratch.write_bytes(forge(structure))
        with suppress(CheckpointError):
            load(scratch)


OBJ = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "s": [np.array(7), math.inf, "text", 3]}


class TestDamage:
    """Every byte of the file is damaged in turn."""

    @pytest.fixture
    def content(self, path):
        save(OBJ, path)
        return path.read_bytes()

    @pytest.mark.parametrize("mask", [0x01, 0x04, 0x20, 0x80, 0xFF])
    def test_bytes(self, path, content, mask):
        for i in range(len(content)):
            damaged = bytearray(content)
            damaged[i] ^= mask
            path.write_bytes(damaged)
            try:
                read = load(path)
            except CheckpointError:
                continue
            assert identical(OBJ, read), f"byte {i} of {content}"

    def test_truncation(self, path, content):
        for size in range(len(content)):
            path.write_bytes(content[:size])
            with pytest.raises(CheckpointError):
                load(path)

    @settings(deadline=None)
    @given(data=st.data())
    def test_several_bytes(self, scratch, data):
        """Up to three bytes: the marks that identify our files have four."""
        save(OBJ, scratch)
        content = bytearray(scratch.read_bytes())
        for _ in range(data.draw(st.integers(2, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        scratch.write_bytes(content)
        try:
            read = load(scratch)
        except CheckpointError:
            return
        assert identical(OBJ, read)


class TestAtomicWrite:
    def test_replaces(self, path):
        atomic_write(path, b"old")
        atomic_write(str(path), b"new")
        assert path.read_bytes() == b"new"
        assert list(path.parent.iterdir()) == [path]

    def test_full_disk(self, path):
        """RLIMIT_FSIZE makes writes fail in the middle, like a full disk."""
        save(OBJ, path)
        script = textwrap.dedent("""
            import resource, sys
            import numpy as np
            from cnet.checkpoint import save
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            try:
                save(np.zeros(100_000), sys.argv[1])
            except OSError as error:
                print(error)
        """)
        run = subprocess.run(
            [sys.executable, "-c", script, path],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == (
            f"[Errno 27] cannot be written and is unchanged: File too large: '{path}'\n"
        )
        assert identical(OBJ, load(path))
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_failure_at_any_step(self, path, monkeypatch, step, error):
        atomic_write(path, b"old")

        def fail(*args):
            raise error

        monkeypatch.setattr(os, step, fail)
        with pytest.raises(type(error)) as caught:
            atomic_write(path, b"new")
        if isinstance(error, OSError):
            assert caught.value.errno == 28
            assert caught.value.filename == str(path)
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]

    def test_order_of_steps(self, path, monkeypatch):
        """The content is on disk before the rename, and the rename before `save` returns."""
        steps = []

        def record(name):
            original = getattr(os, name)
            kind = {True: "folder", False: "file"}

            def recorded(first, *args):
                is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode)
                steps.append(f"{name} {kind[is_folder]}")
                return original(first, *args)

            monkeypatch.setattr(os, name, recorded)

        record("fsync")
        record("replace")
        atomic_write(path, b"new")
        assert steps == ["fsync file", "replace file", "fsync folder"]

    def test_symbolic_link(self, tmp_path, path):
        (tmp_path / "runs").mkdir()
        target = tmp_path / "runs" / "target"
        path.symlink_to("runs/target")
        for content in (b"new", b"newer"):
            atomic_write(path, content)
            assert path.is_symlink()
            assert target.read_bytes() == content
        assert list((tmp_path / "runs").iterdir()) == [target]

    def test_permissions(self, path):
        mask = os.umask(0o027)
        try:
            atomic_write(path, b"new")
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            path.chmod(0o604)
            atomic_write(path, b"newer")
            assert stat.S_IMODE(path.stat().st_mode) == 0o604
        finally:
            os.umask(mask)

    def test_no_such_folder(self, tmp_path):
        path = tmp_path / "nowhere" / "file"
        with pytest.raises(FileNotFoundError, match=f"cannot be written .*'{path}'"):
            atomic_write(path, b"new")
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError, match="cannot be written"):
            atomic_write(tmp_path / "file" / "file", b"new")

    def test_not_a_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", tmp_path):
            with pytest.raises(OSError, match=f"not a regular file: '{path}'"):
                atomic_write(path, b"new")
        assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]
