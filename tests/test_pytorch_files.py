"""PyTorch's files: tensors are read as PyTorch reads them, and nothing in a file is executed.

Most files here are written by hand, by `Pickle` and `archive`, and need no PyTorch.
"""

import io
import struct
import zipfile
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.checkpoint import CheckpointError, load, save

MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")


class Pickle:
    """Assembles a pickle: the methods return bytes of opcodes."""

    @staticmethod
    def of(*parts):
        return b"\x80\x02" + b"".join(parts) + b"."

    @staticmethod
    def text(value):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()

    @staticmethod
    def number(value):
        return b"J" + struct.pack("<i", value)

    @staticmethod
    def name(module, name):
        return f"c{module}\n{name}\n".encode()

    @staticmethod
    def tuple(*parts):
        return b"(" + b"".join(parts) + b"t"

    @classmethod
    def numbers(cls, values):
        return cls.tuple(*map(cls.number, values))

    @classmethod
    def call(cls, module, name, *args):
        return cls.name(module, name) + cls.tuple(*args) + b"R"

    @classmethod
    def storage(cls, kind, key, numel, place="cpu"):
        storage = cls.tuple(
            cls.text("storage"), cls.name("torch", kind), cls.text(key), cls.text(place),
            cls.number(numel),
        )  # fmt: skip
        return storage + b"Q"

    @classmethod
    def tensor(cls, storage, offset, size, stride):
        return cls.call(
            "torch._utils", "_rebuild_tensor_v2", storage, cls.number(offset), cls.numbers(size),
            cls.numbers(stride), b"\x89", cls.call("collections", "OrderedDict"),
        )  # fmt: skip

    @classmethod
    def dict(cls, **items):
        parts = [cls.text(key) + value for key, value in items.items()]
        return b"}(" + b"".join(parts) + b"u"


P = Pickle
SIX = np.arange(6, dtype="<f4").tobytes()


def archive(pickle, storages=None, **members):
    """A zip archive as ``torch.save`` writes it."""
    file = io.BytesIO()
    members = {"data.pkl": pickle, "byteorder": b"little", **members}
    members |= {f"data/{key}": data for key, data in (storages or {"0": SIX}).items()}
    with zipfile.ZipFile(file, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(f"archive/{name}", data)
    return file.getvalue()


def legacy(pickle, storages=None, little=True):
    """A file as PyTorch wrote it before version 1.6."""
    storages = {"0": (6, SIX)} if storages is None else storages
    flag = b"\x88" if little else b"\x89"
    parts = [MAGIC, P.of(P.number(1001)), P.of(P.dict(little_endian=flag)), pickle]
    parts.append(P.of(b"](", *map(P.text, storages), b"e"))
    parts += [struct.pack("<q", numel) + data for numel, data in storages.values()]
    return b"".join(parts)


def read(content):
    return load(io.BytesIO(content))


def tensor_of(kind="FloatStorage", numel=6, offset=0, size=(2, 3), stride=(3, 1), place="cpu"):
    return P.of(P.tensor(P.storage(kind, "0", numel, place), offset, size, stride))


# ---- Valid files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [archive, legacy])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 1, 2], [3, 4, 5]]),
        ({"size": (3, 2), "stride": (1, 3)}, [[0, 3], [1, 4], [2, 5]]),
        ({"size": (2,), "stride": (3,), "offset": 2}, [2, 5]),
        ({"size": (2, 2), "stride": (0, 1)}, [[0, 1], [0, 1]]),
        ({"size": (), "stride": (), "offset": 5}, 5),
        ({"size": (0, 3), "stride": (3, 1)}, []),
        ({"size": (2, 0), "stride": (3, 1), "offset": 9}, [[], []]),
        ({"size": (1, 2), "stride": (1000, 1)}, [[0, 1]]),
        ({"place": "cuda:0"}, [[0, 1, 2], [3, 4, 5]]),
    ],
)
def test_tensors(pack, options, expected):
    tensor = read(pack(tensor_of(**options)))
    assert type(tensor) is cnet.Tensor
    assert tensor.dtype == np.float32
    assert tensor.shape == options.get("size", (2, 3))
    assert tensor.tolist() == expected
    assert not tensor.requires_grad


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("HalfStorage", "f2"), ("FloatStorage", "f4"), ("DoubleStorage", "f8"),
        ("CharStorage", "i1"), ("ShortStorage", "i2"), ("IntStorage", "i4"), ("LongStorage", "i8"),
        ("ByteStorage", "u1"), ("BoolStorage", "?"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_dtypes_and_byte_orders(kind, code, order):
    values = np.array([1, 0, 1]).astype(order + code)
    name = {"<": b"little", ">": b"big"}[order]
    pickle = tensor_of(kind, 3, size=(3,), stride=(1,))
    tensor = read(archive(pickle, {"0": values.tobytes()}, byteorder=name))
    np.testing.assert_array_equal(tensor.numpy(), values.astype(code), strict=True)


@pytest.mark.parametrize("data", [bytes([0x80, 0x3F, 0x49, 0x40]), bytes([0x3F, 0x80, 0x40, 0x49])])
def test_bfloat16_is_widened(data):
    order = b"little" if data[0] == 0x80 else b"big"
    pickle = tensor_of("BFloat16Storage", 2, size=(2,), stride=(1,))
    tensor = read(archive(pickle, {"0": data}, byteorder=order))
    np.testing.assert_array_equal(tensor.numpy(), np.array([1, 3.140625], np.float32), strict=True)


@pytest.mark.parametrize("pack", [archive, legacy])
def test_shared_storages_stay_shared(pack):
    storage = P.storage("FloatStorage", "0", 6)
    pickle = P.of(P.dict(a=P.tensor(storage, 0, (6,), (1,)), b=P.tensor(storage, 3, (3,), (1,))))
    state = read(pack(pickle))
    state["a"][4] = 9
    assert state["b"].tolist() == [3, 9, 5]
    state["b"].fill_(0)
    assert state["a"].tolist() == [0, 1, 2, 0, 0, 0]


def test_containers_and_numbers():
    pickle = P.of(
        P.dict(
            a=P.tuple(b"N", b"\x88", b"\x89", b"K\x05", b"M\x05\x01", b"J\xff\xff\xff\xff"),
            b=b"](G" + struct.pack(">d", 0.5) + b"\x8a\x01\x80" + b"e",
            c=b"\x8f(K\x01K\x02\x90",
            d=b"(K\x01\x91",
            e=b"C\x02xy",
            f=b"U\x02xy",
            g=P.call("torch", "Size", P.numbers((2, 3))),
            h=P.call("torch", "device", P.text("cuda"), b"K\x01"),
            i=P.name("torch", "int64"),
            j=P.call("_codecs", "encode", P.text("ÿ"), P.text("latin1")),
            k=P.call("__builtin__", "set", b"](K\x03e"),
            l=b")\x85q\x07h\x07\x86",
            m=P.call("builtins", "complex", b"K\x01", b"K\x02"),
        )
    )
    assert read(archive(pickle)) == {
        "a": (None, True, False, 5, 261, -1),
        "b": [0.5, -128],
        "c": {1, 2},
        "d": frozenset([1]),
        "e": b"xy",
        "f": "xy",
        "g": cnet.Size([2, 3]),
        "h": "cuda:1",
        "i": np.dtype(np.int64),
        "j": b"\xff",
        "k": {3},
        "l": (((),), ((),)),
        "m": 1 + 2j,
    }


def test_protocol_4():
    text = b"\x8c\x01a\x94"
    pickle = b"\x80\x04\x95" + struct.pack("<Q", 9) + b"}\x94(" + text + b"h\x01u."
    assert read(archive(pickle)) == {"a": "a"}
    name = b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R"
    assert type(read(archive(b"\x80\x04" + name + b"."))) is OrderedDict


def test_a_state_dict_with_its_metadata():
    metadata = P.dict(_metadata=P.dict(x=P.dict(version=b"K\x02")))
    pickle = P.of(P.call("collections", "OrderedDict"), P.text("x"), b"K\x01s", metadata, b"b")
    state = read(archive(pickle))
    assert state == {"x": 1}
    assert state._metadata == {"x": {"version": 2}}


def test_parameters():
    data = P.tensor(P.storage("FloatStorage", "0", 6), 0, (6,), (1,))
    hooks = P.call("collections", "OrderedDict")
    pickle = P.of(P.call("torch._utils", "_rebuild_parameter", data, b"\x88", hooks))
    parameter = read(archive(pickle))
    assert type(parameter) is nn.Parameter
    assert parameter.requires_grad
    assert parameter.tolist() == [0, 1, 2, 3, 4, 5]


# ---- Hostile files -------------------------------------------------------------------------------

LOOP = b"]q\x00" + b"h\x00a"
DEEP = b"]" * 5000 + b"a" * 4999
LAUGHS = b")" + b"q\x00h\x00\x86" * 60
STORAGE = P.storage("FloatStorage", "0", 6)
HOOKS = P.call("collections", "OrderedDict")

PICKLES = [
    (P.of(P.call("os", "system", P.text("touch hacked"))), "the file refers to os.system; only"),
    (P.of(P.name("posix", "system")), "refers to posix.system"),
    (P.of(P.name("builtins", "eval")), "refers to builtins.eval"),
    (P.of(P.name("__builtin__", "getattr")), "refers to __builtin__.getattr"),
    (P.of(P.name("torch", "load")), "refers to torch.load"),
    (P.of(P.name("torch.storage", "_load_from_bytes")), "refers to torch.storage._load_from_bytes"),
    (P.of(P.name("collections.abc.os", "system")), "refers to collections.abc.os.system"),
    (P.of(P.name("collections", "OrderedDict.__init__.__globals__")), "refers to collections.Ord"),
    (P.of(P.name("torch", "FloatStorage.mro")), "refers to torch.FloatStorage.mro"),
    (P.of(P.name("torch", "ComplexFloatStorage")), "refers to torch.ComplexFloatStorage"),
    (P.of(P.text("os"), P.text("system"), b"\x93"), "refers to os.system"),
    (P.of(b"K\x01", P.text("system"), b"\x93"), "a name that is not a string"),
    (P.of(b"(", P.text("x"), b"ios\nsystem\n"), "refers to os.system"),
    (P.of(b"(icollections\nOrderedDict\n"), "the opcode INST"),
    (P.of(b"(", P.name("collections", "OrderedDict"), b"o"), "the opcode OBJ"),
    (P.of(P.name("collections", "OrderedDict"), b")\x81"), "the opcode NEWOBJ"),
    (P.of(b"\x82\x01"), "the opcode EXT1"),
    (P.of(b"\x83\x01\x00"), "the opcode EXT2"),
    (P.of(b"\x84\x01\x00\x00\x00"), "the opcode EXT4"),
    (P.of(b"P0\n"), "the opcode PERSID"),
    (P.of(b"\x97"), "the opcode NEXT_BUFFER"),
    (P.of(b"I1\n"), "the opcode INT"),
    (P.of(b"\xff"), "the opcode 0xff"),
    (b"\x80\x01N.", r"protocol 2 to 5 \(got 1\)"),
    (b"\x80\x06N.", r"protocol 2 to 5 \(got 6\)"),
    (P.of(b"K\x01)R"), "calls an object that is not a function"),
    (P.of(P.name("torch", "FloatStorage"), b")R"), "calls an object that is not a function"),
    (P.of(P.name("collections", "OrderedDict"), b"NR"), "without a tuple of arguments"),
    (P.of(P.call("collections", "OrderedDict", b"K\x01")), "invalid arguments of collections.Ord"),
    (P.of(P.call("torch", "Size", P.text("x"))), "invalid"),
    (P.of(P.call("torch", "Size", b"K\x01", b"K\x01")), "invalid arguments of torch.Size"),
    (P.of(P.call("_codecs", "encode", P.text("x"), P.text("rot13"))), "must be latin1"),
    (P.of(b"}", P.dict(a=b"N"), b"b"), r"sets attributes of an object of type dict \(opcode BUILD"),
    (P.of(P.tensor(STORAGE, 0, (6,), (1,)), b"}b"), "attributes of an object of type Tensor"),
    (P.of(HOOKS, P.dict(__class__=b"N"), b"b"), "attributes of an object of type OrderedDict"),
    (P.of(b"K\x01K\x02"), "more than one object"),
    (P.of(), "takes more objects than it has made"),
    (P.of(b"(K\x01"), "more than one object"),
    (P.of(b"K\x01(a"), "takes more objects"),
    (P.of(b"K\x01t"), "no mark"),
    (P.of(b"h\x05"), r"an object that it has not made \(5\)"),
    (P.of(b"j\xff\xff\xff\xff"), "an object that it has not made"),
    (P.of(b"K\x01K\x02a"), "adds items to an object that is no list"),
    (P.of(b"](K\x01K\x02u"), "adds items to an object that is no dict"),
    (P.of(b"}(K\x01u"), "a key without a value"),
    (P.of(b"}(]Nu"), "a key of type list"),
    (P.of(b"}(", LAUGHS, b"Nu"), "a key of type tuple"),
    (P.of(P.call("builtins", "set", b"](]e")), "a key of type list"),
    (P.of(DEEP), "nested at most 100 levels deep"),
    (P.of(STORAGE), "the file has Storage in place of data"),
    (P.of(P.name("torch", "FloatStorage")), "the file has FloatStorage in place of data"),
    (P.of(b"]", P.name("collections", "OrderedDict"), b"a"), "the file has collections.Ord"),
    (P.of(b"K\x01Q"), "an external object that is no storage"),
    (P.of(P.tuple(P.text("module")), b"Q"), "an external object that is no storage"),
    (P.of(P.tuple(P.text("storage"), b"NNNN"), b"Q"), "a storage without its class, name and size"),
    (P.of(P.tuple(P.text("storage"), b"NNNN)"), b"Q"), "a part of another one"),
    (P.of(P.storage("FloatStorage", "../0", 6)), "has no member archive/data/../0"),
    (P.of(P.storage("FloatStorage", "1", 6)), "has no member archive/data/1"),
    (P.of(P.storage("FloatStorage", "0", 6, "meta")), "on the device 'meta'"),
    (P.of(P.storage("FloatStorage", "0", 7)), r"must have 28 bytes \(got 24\)"),
    (P.of(P.storage("FloatStorage", "0", 5)), r"must have 20 bytes \(got 24\)"),
    (P.of(P.storage("FloatStorage", "0", -6)), "must fit into the file"),
    (P.of(P.storage("FloatStorage", "0", 2**31 - 1)), "must fit into the file"),
    (P.of(b"]", STORAGE, b"a", P.storage("IntStorage", "0", 6), b"a"), "two different sizes"),
    (tensor_of(offset=1), r"size \[2, 3\] needs 7 elements of its storage, which has 6"),
    (tensor_of(offset=-1), "must be integers of at least 0"),
    (tensor_of(size=(2, 4)), "needs 7 elements"),
    (tensor_of(size=(2**31 - 1,) * 8, stride=(2**31 - 1,) * 8), "needs"),
    (tensor_of(size=(2**31 - 1,) * 8, stride=(0,) * 8), "too big|too large"),
    (tensor_of(size=(2**31 - 1, 2**31 - 1, 2**31 - 1, 0), stride=(1,) * 4), "too big|large|many"),
    (tensor_of(size=(2, -3)), "must be integers of at least 0"),
    (tensor_of(stride=(-3, 1)), "must be integers of at least 0"),
    (tensor_of(stride=(3,)), "tuples of the same length"),
    (tensor_of(size=(1,) * 65, stride=(1,) * 65), "at most 64 dimensions"),
    (P.of(P.tensor(b"N", 0, (1,), (1,))), "a tensor needs a storage"),
    (P.of(P.call("torch._utils", "_rebuild_tensor_v2", STORAGE)), "invalid arguments of torch"),
    (P.of(P.call("torch._utils", "_rebuild_tensor", STORAGE, b"NNN")), "must be tuples"),
    (P.of(P.call("torch._utils", "_rebuild_parameter", b"N\x88", HOOKS)), "needs a tensor"),
    (
        P.of(
            P.call("torch._utils", "_rebuild_tensor_v2", STORAGE, b"K\x00", P.numbers((6,)),
                   P.numbers((1,)), b"\x89", P.dict(hook=b"K\x01"))
        ),
        "a tensor with hooks",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("pickle", "message"), PICKLES)
def test_hostile_pickles(pickle, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f"load: the file cannot be read: .*(?:{message})"):
        read(archive(pickle))
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_contains_again_and_again_is_not_copied():
    items = b"](" + b"K\x01" * 1000 + b"eq\x00"
    calls = P.call("builtins", "set", b"h\x00") * 1000
    with pytest.raises(CheckpointError, match="copies more than the file contains"):
        read(archive(P.of(items, b"(", calls, b"t\x86")))


def test_a_loop_is_read():
    loop = read(archive(P.of(LOOP)))
    assert loop[0] is loop


@pytest.mark.parametrize("pack", [archive, legacy])
def test_files_cut_at_every_byte(pack):
    content = pack(tensor_of())
    for length in range(len(content)):
        with pytest.raises(CheckpointError, match="load: the file "):
            read(content[:length])


@pytest.mark.parametrize("pack", [archive, legacy])
def test_changed_bytes_give_an_error_or_a_value(pack):
    content = pack(tensor_of())
    for position in range(len(content)):
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(content)
            damaged[position] ^= change
            with suppress(CheckpointError):
                read(bytes(damaged))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (legacy(tensor_of(), little=False), "must be little-endian"),
        (legacy(tensor_of()) + b"x", "followed by other data"),
        (legacy(tensor_of(), {"1": (6, SIX)}), "list of storages does not match"),
        (legacy(tensor_of(), {}), "list of storages does not match"),
        (legacy(tensor_of(), {"0": (5, SIX)}), r"must have 6 elements \(got 5\)"),
        (legacy(tensor_of("FloatStorage", 10**6)), "must fit into the file"),
        (legacy(P.of(P.call("os", "system", P.text("ls")))), "refers to os.system"),
        (MAGIC + P.of(P.number(1002)) * 4, "version 1001"),
        (MAGIC + P.of(P.name("os", "system")), "refers to os.system"),
        (archive(tensor_of(), byteorder=b"middle"), "byte order must be little or big"),
        (archive(tensor_of() + b"x"), "followed by other data"),
        (archive(tensor_of(), **{"constants.pkl": b""}), "a TorchScript program"),
    ],
)
def test_hostile_files(content, message):
    with pytest.raises(CheckpointError, match=f"load: the file cannot be read: .*{message}"):
        read(content)


def test_compressed_and_wrong_archives():
    def zipped(compression=zipfile.ZIP_STORED, names=("a/data.pkl",)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name in names:
                archive.writestr(name, tensor_of())
        return file.getvalue()

    for content, message in [
        (zipped(zipfile.ZIP_DEFLATED), "is compressed or encrypted"),
        (zipped(names=("a/data.pkl", "b/data.pkl")), "must have one member data.pkl"),
        (zipped(names=("data.pkl",)), "must have one member data.pkl"),
        (archive(tensor_of()).replace(SIX, SIX[::-1]), "Bad CRC-32"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            read(content)


def test_devices(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(archive(tensor_of()))
    for place in (None, "cpu", {"cuda:0": "cpu"}, lambda storage, place: storage):
        assert load(path, map_location=place, weights_only=False, mmap=True).shape == (2, 3)
    for place in ("cuda", "cuda:1", 0, "somewhere"):
        with pytest.raises(RuntimeError, match=r"load: (device|map_location) must be the CPU"):
            load(path, map_location=place)


# ---- Files in memory -----------------------------------------------------------------------------


def test_files_in_memory():
    file = io.BytesIO()
    save({"a": cnet.tensor([1.0, 2.0], requires_grad=True), "b": np.ones(2)}, file)
    file.seek(0)
    state = load(file)
    assert type(state["a"]) is cnet.Tensor
    assert type(state["b"]) is np.ndarray
    assert state["a"].tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"load: f must be a binary file \(got str\)"):
        load(io.StringIO("text"))


# ---- PyTorch -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("new", [True, False])
def test_files_of_pytorch(new, protocol):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    x = torch.arange(12.0).reshape(3, 4)
    saved = {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "views": [x, x.T, x[1:], x.expand(2, 3, 4), torch.empty(0, 3)],
        "bfloat16": torch.tensor([1.0, -3.140625]).bfloat16(),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(x.clone()),
        "others": (x.shape, torch.float32, b"abc", {1, 2}, 2**70, None, 1j, torch.device("cpu")),
    }
    if new:
        saved["uint16"] = torch.tensor([1, 2]).to(torch.uint16)
        saved["float8"] = torch.tensor([1.0, -2.0]).to(torch.float8_e5m2)
    file = io.BytesIO()
    torch.save(saved, file, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    state = read(file.getvalue())

    def compare(a, b):
        if isinstance(b, torch.Tensor):
            assert isinstance(a, nn.Parameter if isinstance(b, torch.nn.Parameter) else cnet.Tensor)
            assert a.requires_grad == b.requires_grad
            narrow = b.dtype in (torch.bfloat16, torch.float8_e5m2)
            b = b.detach().float() if narrow else b.detach()
            np.testing.assert_array_equal(a.detach().numpy(), b.numpy(), strict=True)
        elif isinstance(b, dict):
            assert type(a) is type(b)
            assert list(a) == list(b)
            for key in b:
                compare(a[key], b[key])
        elif isinstance(b, list):
            assert len(a) == len(b)
            for pair in zip(a, b, strict=True):
                compare(*pair)
        else:
            assert a == b

    others = state.pop("others")
    assert others == ((3, 4), np.dtype(np.float32), b"abc", {1, 2}, 2**70, None, 1j, "cpu")
    del saved["others"]
    compare(state, saved)
    assert np.shares_memory(state["views"][0].numpy(), state["views"][1].numpy())
    assert state["model"]._metadata["1"] == {"version": 2}
    twin = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    twin.load_state_dict(state["model"])
    assert twin[0].weight.tolist() == net[0].weight.tolist()


def test_models_saved_as_a_whole_are_refused():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(torch.nn.Linear(1, 1), file)
    with pytest.raises(CheckpointError, match=r"refers to torch\.nn\.modules\.linear\.Linear"):
        read(file.getvalue())
