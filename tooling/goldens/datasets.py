"""Goldens of @vitrail/data's datasets: files as Python's libraries write them, and the order in which torchvision lists a folder.

    python tooling/goldens/datasets.py

Writes packages/data/src/datasets/__goldens__/{files,order,phash}.json.
Made with pyarrow 25.0, numpy 2.4, Pillow 12.3, scipy 1.17 and torchvision; seed 1729.
"""
import base64
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.fftpack
import torch

from common import import_torchvision
from PIL import Image

SEED = 1729
OUT = Path(__file__).resolve().parents[2] / "packages/data/src/datasets/__goldens__"
CLASSES = ["zebra", "ant", "bee"]  # in no order: the file's own counts


def colour(i: int) -> tuple[int, int, int]:
    """The colour of picture i, which the tests repeat."""
    return (10 * i, 255 - 10 * i, 7 * i)


def png(i: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 2), colour(i)).save(out, "png")
    return out.getvalue()


def parquet(indices, labels, *, codec="snappy", group=2, image="struct", label=pa.int64(), names=CLASSES, column="image", **options) -> bytes:
    """A table as the package datasets writes it; `image` is struct (bytes, path) or binary."""
    pictures = [png(i) for i in indices]
    if image == "struct":
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        cells = pa.array([{"bytes": p, "path": f"{i}.png"} for i, p in zip(indices, pictures)], kind)
    else:
        cells = pa.array(pictures, pa.binary())
    features = {column: {"_type": "Image"}}
    features["label"] = {"names": names, "_type": "ClassLabel"} if names else {"dtype": str(label), "_type": "Value"}
    schema = pa.schema([(column, cells.type), ("label", label)], metadata={"huggingface": json.dumps({"info": {"features": features}})})
    out = io.BytesIO()
    table = pa.table([cells, pa.array(labels, label)], schema=schema)
    pq.write_table(table, out, row_group_size=group, compression=codec, **options)
    return out.getvalue()


def tar(files: dict[str, bytes], kind: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data = out.getvalue()
    return data[: len(data.rstrip(b"\0")) + 1024 + (-len(data.rstrip(b"\0"))) % 512]  # two empty blocks are enough


def npz(save, **arrays) -> bytes:
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def pixels(count: int, channels: int, first: int) -> np.ndarray:
    data = np.array([[[colour(first + i)] * 3] * 2 for i in range(count)], np.uint8)
    return data if channels == 3 else data[..., 0]


def files() -> dict[str, bytes]:
    long = "folder/" * 20 + "имя"
    sample = lambda key: {f"{key}.png": png(1), f"{key}.cls": b"1"}  # noqa: E731
    med = lambda channels: {  # noqa: E731
        "train_images": pixels(4, channels, 0),
        "train_labels": np.array([[0], [1], [1], [0]], np.uint8),
        "val_images": pixels(2, channels, 10),
        "val_labels": np.array([[1], [0]], np.uint8),
        "test_images": pixels(1, channels, 20),
        "test_labels": np.array([[0]], np.uint8),
    }
    return {
        "train-00000-of-00002.parquet": parquet([0, 1, 2, 3, 4], [0, 1, 2, 0, 1]),
        "train-00001-of-00002.parquet": parquet([5, 6, 7], [2, 2, 0], codec="zstd"),
        "validation-00000-of-00001.parquet": parquet([8, 9], [1, 0], codec="none", data_page_version="2.0"),
        "test-00000-of-00001.parquet": parquet([10, 11], [-1, -1]),
        "gzip.parquet": parquet([0, 1, 2], [0, 1, 2], codec="gzip", image="binary", column="img"),
        "brotli.parquet": parquet([0, 1, 2], [0, 1, 2], codec="brotli", use_dictionary=False),
        "lz4.parquet": parquet([0, 1, 2], [0, 1, 2], codec="lz4", data_page_version="2.0"),
        "text-labels.parquet": parquet([0, 1, 2], ["b", "a", "10"], label=pa.string(), names=None),
        "no-names.parquet": parquet([0, 1, 2], [2, 0, 1], label=pa.int32(), names=None),
        "out-of-range.parquet": parquet([0, 1], [0, 3]),
        "lists.parquet": parquet([0, 1], [[0], [1, 2]], label=pa.list_(pa.int64()), names=None),
        "gnu.tar": tar({"a.b/000.png": png(0), "a.b/000.cls": b"0\n", **sample(long)}, tarfile.GNU_FORMAT),
        "pax.tar": tar({"a.b/000.png": png(0), "a.b/000.cls": b"0\n", **sample(long), **sample("ключ")}, tarfile.PAX_FORMAT),
        "ustar.tar": tar({"a.b/000.png": png(0), "a.b/000.cls": b"0\n", **sample("f" * 90 + "/" + "g" * 40)}, tarfile.USTAR_FORMAT),
        "bloodmnist.npz": npz(np.savez_compressed, **med(3)),
        "grey.npz": npz(np.savez, **med(1)),
        "keras.npz": npz(np.savez, x_train=pixels(3, 1, 0), y_train=np.array([2, 0, 1]), x_test=pixels(1, 1, 5), y_test=np.array([1])),
        "multi-label.npz": npz(np.savez, train_images=pixels(2, 1, 0), train_labels=np.zeros((2, 14), np.uint8)),
        "volumes.npz": npz(np.savez, train_images=np.zeros((2, 3, 3, 5), np.uint8), train_labels=np.zeros((2, 1), np.uint8)),
    }


def order() -> dict:
    """Classes and samples as torchvision's ImageFolder lists them."""
    names = ["2", "10", "1", "b", "B", "a b#1%20", "é", "ёж", "猫", "\U0001f408", "\uff21", "_x"]
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            for path in ["1.png", "10.png", "2.png", "sub/0.png", "sub/deep/5.png", "sub.png", "a/b.png"]:
                file = Path(root, name, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(png(0))
        found = import_torchvision().datasets.ImageFolder(root)
        first = [os.path.relpath(p, root).replace(os.sep, "/") for p, label in found.samples if label == 0]
        return {"names": names, "classes": found.classes, "first": first}


def phash() -> list[dict]:
    """The perceptual hash of the Python package ImageHash (`phash`), written out: greys, 32 x 32, a DCT, the median."""
    rng = np.random.default_rng(SEED)
    cases = []
    for width, height in [(40, 30), (32, 32), (17, 90)]:
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        image = coarse.resize((width, height), Image.Resampling.BICUBIC)
        grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS))
        low = scipy.fftpack.dct(scipy.fftpack.dct(grey, axis=0), axis=1)[:8, :8]
        bits = (low > np.median(low)).flatten()
        cases.append({
            "width": width,
            "height": height,
            "pixels": base64.b64encode(image.tobytes()).decode(),
            "hash": "".join(f"{int(''.join(str(int(b)) for b in bits[i:i + 4]), 2):x}" for i in range(0, 64, 4)),
        })
    return cases


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    made = f"tooling/goldens/datasets.py: pyarrow {pa.__version__}, numpy {np.__version__}, torch {torch.__version__}, seed {SEED}"
    encoded = {name: base64.b64encode(data).decode() for name, data in files().items()}
    for name, value in {"files": encoded, "order": order(), "phash": phash()}.items():
        text = json.dumps({"generator": made, "cases": value}, ensure_ascii=False, indent=1)
        (OUT / f"{name}.json").write_text(text + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
