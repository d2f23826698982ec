"""Writes packages/checkpoint/src/__goldens__/formats: small files by torch, numpy and transformers, and what is in them.

python tooling/goldens/checkpoint-formats.py        needs torch, numpy, safetensors (made with 2.13, 2.4, 0.8)

Legacy files of torch name storages by their address, so they differ from run to run; what is in them does not.
"""

import argparse
import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

from checkpoint import all_types, bits

SEED = 20_302
OUT = Path(__file__).resolve().parents[2] / "packages/checkpoint/src/__goldens__/formats"


def hexed(t: torch.Tensor) -> str:
    """The stored bytes, row-major, little-endian."""
    return t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex()


DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64", torch.uint32: "U32",
    torch.uint16: "U16", torch.uint8: "U8", torch.bool: "BOOL", torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3",
}  # fmt: skip


def views() -> dict[str, torch.Tensor]:
    """Strides, offsets, storages in common."""
    g = torch.Generator().manual_seed(SEED)
    x = torch.randn(4, 6, generator=g)
    tied = torch.nn.Linear(2, 2, bias=False).weight.detach()
    tied.copy_(torch.randn(2, 2, generator=g))
    return {
        "whole": x,
        "transposed": x.t(),
        "part": x[1:3, 2:5],
        "steps": x[::2, 1::3],
        "permuted": torch.randn(2, 3, 4, generator=g).permute(2, 0, 1),
        "channels last": torch.randn(1, 2, 3, 3, generator=g).to(memory_format=torch.channels_last),
        "half transposed": torch.randn(3, 2, generator=g).half().t(),
        "f64 transposed": torch.randn(3, 2, generator=g).double().t(),
        "bytes transposed": torch.arange(6, dtype=torch.uint8).reshape(2, 3).t(),
        "expanded": torch.tensor([1.5]).expand(2, 3),
        "tied.a": tied,
        "tied.b": tied,
        "parameter": torch.nn.Parameter(torch.randn(3, generator=g)),
        "scalar of a view": x[2, 3],
        "empty": x[:0],
    }


def legacy_types(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v for k, v in tensors.items() if v.dtype not in (torch.uint16, torch.uint32, torch.uint64)}


def expect(name: str, tensors: dict[str, torch.Tensor], **more) -> None:
    record = {
        "generator": "tooling/goldens/checkpoint-formats.py",
        "seed": SEED,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        **more,
        "tensors": {
            k: {"dtype": DTYPES[v.dtype], "shape": list(v.shape), "bytes": hexed(v)}
            | ({} if v.is_complex() else {"float32Bits": bits(v)})
            for k, v in tensors.items()
        },
    }
    (OUT / f"{name}.json").write_text(json.dumps(record, ensure_ascii=False) + "\n")


def save(name: str, value, **options) -> None:
    torch.save(value, OUT / name, **options)


def big_endian(source: str, target: str, tensors: dict[str, torch.Tensor]) -> None:
    """The same archive as a big-endian machine writes it: other bytes in each storage, other `byteorder`."""
    widths = {}
    with zipfile.ZipFile(OUT / source) as archive:
        keys = [n for n in archive.namelist() if "/data/" in n]
        for key, t in zip(sorted(keys, key=lambda k: int(k.rsplit("/", 1)[1])), tensors.values(), strict=True):
            widths[key] = t.element_size() // (2 if t.is_complex() else 1)
        writer = torch._C.PyTorchFileWriter(str(OUT / target))
        for info in archive.namelist():
            data = archive.read(info)
            inner = info.split("/", 1)[1]
            if inner in ("version", ".data/serialization_id"):
                continue
            if info in widths:
                data = np.frombuffer(data, dtype=f"V{widths[info]}")
                data = b"".join(bytes(v.tobytes()[::-1]) for v in data)
            if inner == "byteorder":
                data = b"big"
            writer.write_record(inner, data, len(data))
        writer.write_end_of_file()


class Evil:
    """A call of something that does harm, where a tensor should be."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def torch_files() -> None:
    types = all_types() | {
        "complex": torch.complex(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])),
        "float8": torch.tensor([1.0, -0.5]).to(torch.float8_e4m3fn),
    }
    save("types.pth", types)
    expect("types", types)
    old = legacy_types({k: v for k, v in types.items() if k != "float8"})
    save("types-legacy.pth", old, _use_new_zipfile_serialization=False)
    expect("types-legacy", old)
    one_each = {k: v for k, v in types.items() if v.numel() > 0}
    save("order.pth", one_each)
    big_endian("order.pth", "big-endian.pth", one_each)
    (OUT / "order.pth").unlink()
    expect("big-endian", one_each)
    save("views.pth", views())
    save("views-legacy.pth", views(), _use_new_zipfile_serialization=False)
    expect("views", views())
    small = OrderedDict(weight=torch.tensor([[1.0, 2.0], [3.0, 4.0]]), bias=torch.tensor([0.5, -0.5]))
    for protocol in (3, 4, 5):
        save(f"protocol-{protocol}.pth", small, pickle_protocol=protocol)
    save("protocol-4-legacy.pth", small, pickle_protocol=4, _use_new_zipfile_serialization=False)
    save("compressed-source.pth", small)
    with zipfile.ZipFile(OUT / "compressed-source.pth") as a, zipfile.ZipFile(
        OUT / "compressed.pth", "w", zipfile.ZIP_DEFLATED
    ) as b:
        for name in a.namelist():
            b.writestr(zipfile.ZipInfo(name), a.read(name), compress_type=zipfile.ZIP_DEFLATED)
    (OUT / "compressed-source.pth").unlink()
    expect("small", small)

    # cases.md: OpenTAD#44
    wrapped = {
        "epoch": 3,
        "state_dict": {"module." + k: v for k, v in small.items()},
        "state_dict_ema": {"module." + k: v + 1 for k, v in small.items()},
        "args": argparse.Namespace(lr=0.1),
        "optimizer": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
        "history": np.array([0.25, 0.5]),
        "best": np.float64(0.5),
    }
    save("wrapped.pth.tar", wrapped)
    save("wrapped-legacy.pth.tar", wrapped, _use_new_zipfile_serialization=False)
    save("numpy-state.pth", {"f": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)), "i": np.arange(3)})
    module = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(2, 2), bn=torch.nn.BatchNorm1d(2)))
    with torch.no_grad():
        module.fc.weight.copy_(small["weight"])
        module.fc.bias.copy_(small["bias"])
    save("module.pth", module)
    torch.jit.save(torch.jit.trace(module.eval(), torch.zeros(1, 2)), OUT / "torchscript.pt")
    save("conjugate.pth", {"w": torch.complex(torch.ones(2), torch.ones(2)).conj()})
    save("negative.pth", {"w": torch.complex(torch.ones(2), torch.ones(2)).conj().imag})
    save("forbidden-value.pth", {"weight": small["weight"], "args": Evil(eval, "1 / 0")})
    save("forbidden-tensor.pth", {"weight": Evil(torch._utils._rebuild_tensor_v2, Evil(eval, "1 / 0"), 0, (2,), (1,), False, OrderedDict())})
    save("sparse.pth", {"weight": torch.eye(2).to_sparse()})
    save("no-tensors.pth", {"epoch": 3, "names": ["a", "b"], "teacher": {"w": torch.ones(1)}})
    save("call.pth", Evil(eval, "1 / 0"))
    # Every opcode of the protocols 0 to 2 that Python's pickler still writes.
    plain = {"a": [1, -2, 2**40, -(2**70), 0.5, float("inf"), True, None, "é\n😀", b"\x00\xff", (), (1,), (1, 2, 3, 4)], "s": {1, 2}, "f": frozenset([3])}
    plain["self"] = plain["a"]
    for protocol in range(6):
        (OUT / f"plain-{protocol}.pkl").write_bytes(pickle.dumps(plain, protocol=protocol))


def numpy_files() -> None:
    # cases.md: npyjs#40
    a = np.arange(6, dtype="<f4").reshape(2, 3)
    arrays = dict(
        be=a.astype(">f4"), f=np.asfortranarray(a), u1=np.arange(3, dtype="u1"), h=a.astype("f2"), sc=np.float32(1.5),
        e=np.zeros((0, 3)), b=np.array([True, False]), o=np.array([{}], dtype=object), text=np.array(["a", "bc"]),
        be8=np.arange(3, dtype=">i8"), c8=np.array([1 + 2j], dtype="c8"), records=np.zeros(2, dtype=[("x", "<f4"), ("y", "<i2", (2,))]),
        bf16=np.array([0x3F80, 0xC020], dtype="<u2").view("V2"),
    )  # fmt: skip
    np.savez(OUT / "arrays.npz", **arrays)
    np.savez_compressed(OUT / "arrays-compressed.npz", **arrays)
    np.save(OUT / "fortran.npy", arrays["f"])
    np.save(OUT / "objects.npy", arrays["o"])
    for version in ((2, 0), (3, 0)):
        with open(OUT / f"version-{version[0]}.npy", "wb") as f:
            np.lib.format.write_array(f, a, version=version)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    torch_files()
    numpy_files()
    total = sum(p.stat().st_size for p in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total / 1000:.0f} kB")
