"""Writes packages/checkpoint/src/__goldens__: small files by the reference libraries, and what is in them.

python tooling/goldens/checkpoint.py        needs torch, numpy, safetensors (made with 2.13, 2.4, 0.8)
"""

import json
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file

SEED = 20_301
OUT = Path(__file__).parents[2] / "packages/checkpoint/src/__goldens__"

F16_SPECIALS = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x3555]


def bits(values: torch.Tensor) -> list[int]:
    """fp32 as unsigned integers (JSON has neither NaN nor infinity), any NaN as 0x7fc00000: torch's depends on the CPU."""
    x = values.to(torch.float32).contiguous().flatten()
    b = x.view(torch.int32).to(torch.int64).bitwise_and(0xFFFFFFFF)
    return torch.where(x.isnan(), 0x7FC00000, b).tolist()


def all_types() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(SEED)
    x = torch.randn(3, 5, generator=g)
    half = torch.from_numpy(np.array(F16_SPECIALS, dtype=np.uint16).view(np.float16).copy())
    return {
        "f64": x.double() * 1e3,
        "f32": x,
        "f32 specials": torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45, 3.4028235e38]),
        "f16": x.half(),
        "f16 specials": half,
        "bf16": x.bfloat16(),
        "bf16 specials": torch.tensor([1.0, -2.5, 3.140625, float("inf"), float("nan"), 1e-40]).bfloat16(),
        "i64": torch.tensor([0, -1, 2**40 + 1, -(2**63), 2**63 - 1]),
        "i32": torch.tensor([0, -1, 2**31 - 1, -(2**31), 16_777_217], dtype=torch.int32),
        "i16": torch.tensor([0, -1, 32_767, -32_768], dtype=torch.int16),
        "i8": torch.tensor([0, -1, 127, -128], dtype=torch.int8),
        "u64": torch.from_numpy(np.array([0, 2**63, 2**64 - 1], dtype=np.uint64)),
        "u32": torch.from_numpy(np.array([0, 2**31, 2**32 - 1], dtype=np.uint32)),
        "u16": torch.from_numpy(np.array([0, 65_535], dtype=np.uint16)),
        "u8": torch.arange(7, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(5),
        "empty": torch.zeros(0, 3),
        "with \"quotes\", é, 猫 and 😀": torch.ones(1, 2, 1),
        "blocks.0.attn.qkv.weight": torch.randn(6, 2, generator=g),
    }


def write(name: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> None:
    save_file(tensors, OUT / f"{name}.safetensors", metadata=metadata)
    expected = {
        "generator": "tooling/goldens/checkpoint.py",
        "seed": SEED,
        "versions": {"torch": torch.__version__, "safetensors": safetensors.__version__},
        "metadata": metadata,
        "tensors": {k: {"shape": list(v.shape), "float32Bits": bits(v)} for k, v in tensors.items()},
    }
    (OUT / f"{name}.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")


def rounding() -> None:
    """fp32 values on, beside and between fp16's and bf16's neighbours, and torch's conversions of them."""
    h = np.arange(0, 0x7C00, 97, dtype=np.uint16)
    low = h.view(np.float16).astype(np.float32)
    high = (h + 1).view(np.float16).astype(np.float32)
    mid = ((low.astype(np.float64) + np.where(np.isinf(high), 65_536, high)) / 2).astype(np.float32)
    rng = np.random.default_rng(SEED)
    noise = rng.integers(0, 2**32, 600, dtype=np.uint32).view(np.float32)
    x = np.concatenate([low, mid, np.nextafter(mid, np.float32(0)), np.nextafter(mid, np.float32(np.inf)), noise])
    x = np.concatenate([x, -x, np.float32([65_519.996, 65_520, 65_536, 2.0**-25, 2.0**-24, np.nan, np.inf])]).astype(np.float32)
    x = x[~np.isnan(x)]
    t = torch.from_numpy(x.copy())
    save_file(
        {"x": t, "f16": t.half(), "bf16": t.bfloat16(), "f64 as f32": (t.double() * 1.000000001).float(), "f64": t.double() * 1.000000001},
        OUT / "rounding.safetensors",
    )


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    write("all-types", all_types(), {"format": "pt"})
    write("empty-metadata", {"w": torch.ones(2)}, {})
    write("no-tensors", {}, None)
    rounding()
    shards = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    for i, name in enumerate(shards):
        save_file({name: shards[name]}, OUT / f"sharded-{i + 1:05}-of-00002.safetensors", metadata={"format": "pt"})
    index = {"metadata": {"total_size": 12}, "weight_map": {n: f"sharded-{i + 1:05}-of-00002.safetensors" for i, n in enumerate(shards)}}
    (OUT / "sharded.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
