"""Goldens of @vitrail/data: what Pillow, torchvision and timm make of the same bytes.

    python tooling/goldens/data.py [SHARED]

Writes packages/data/src/__goldens__/{resize,eval,decode,photos}.json. SHARED is the folder with photos/ and
data/imagenet-photos/; without it photos.json is left as it is. Large outputs are stored as SHA-256.
Made with Pillow 12.3, torch 2.13, torchvision and timm 1.0.29; seed 1729.
"""
import base64
import hashlib
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL
import torch

_register_fake = torch.library.register_fake


def _lenient(name, *args, **kwargs):
    # torchvision registers shape rules for compiled operators that a build without them lacks; none is used here.
    if isinstance(name, str) and name.startswith("torchvision::"):
        return lambda f: f
    return _register_fake(name, *args, **kwargs)


torch.library.register_fake = _lenient

import timm  # noqa: E402
import torchvision  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402
from timm.data import create_transform  # noqa: E402
from torchvision.transforms._presets import ImageClassification  # noqa: E402
from torchvision.transforms.functional import InterpolationMode  # noqa: E402

SEED = 1729
OUT = Path(__file__).resolve().parents[2] / "packages/data/src/__goldens__"
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
Image.MAX_IMAGE_PIXELS = None


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def noise(width: int, height: int, seed: int, extreme: bool = False) -> Image.Image:
    """RGB noise from a 32-bit linear congruential generator, which the tests repeat; extreme: only 0 and 255."""
    x = seed
    data = bytearray(width * height * 3)
    for i in range(len(data)):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        data[i] = (255 if x >> 31 else 0) if extreme else x >> 24
    return Image.frombytes("RGB", (width, height), bytes(data))


def versions():
    return {
        "Pillow": PIL.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
    }


def write(name: str, cases) -> None:
    body = {"generator": "tooling/goldens/data.py", "seed": SEED, "versions": versions(), "cases": cases}
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(c) for c in cases)
    head = json.dumps({k: v for k, v in body.items() if k != "cases"})[:-1]
    (OUT / f"{name}.json").write_text(f'{head}, "cases": [\n{lines}\n]}}\n')


def resize_cases():
    rng = np.random.default_rng(SEED)
    sizes = [(16, 1, 5, 1), (1, 1, 7, 3), (1, 37, 1, 5), (1, 37, 9, 37), (53, 1, 3, 1), (7, 5, 7, 5), (7, 5, 7, 11), (7, 5, 3, 5),
             (301, 199, 224, 148), (97, 131, 32, 43), (64, 64, 65, 63), (33, 47, 200, 301), (255, 3, 2, 2), (500, 375, 331, 248)]
    for _ in range(14):
        sizes.append(tuple(int(v) for v in rng.integers(1, 160, 4)))
    cases = []
    for i, (w, h, ow, oh) in enumerate(sizes):
        for name, f in FILTERS.items():
            seed = SEED + i
            extreme = i % 3 == 0
            out = noise(w, h, seed, extreme).resize((ow, oh), f)
            cases.append({"from": [w, h], "to": [ow, oh], "filter": name, "seed": seed, "extreme": extreme, "sha256": sha(out.tobytes())})
    return cases


def settings():
    imagenet = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    half = dict(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    out = []
    for size, pct, mode, interpolation, norm in [
        ((224, 224), 0.9, "center", "bicubic", half),
        ((224, 224), 0.875, "center", "bilinear", imagenet),
        ((32, 32), 0.875, "center", "bicubic", imagenet),
        ((33, 33), 0.95, "center", "lanczos", imagenet),
        ((31, 31), 1.0, "center", "hamming", half),
        ((40, 24), 0.9, "center", "bicubic", imagenet),
        ((24, 40), 0.9, "squash", "bicubic", imagenet),
        ((32, 32), 0.9, "squash", "box", half),
        ((32, 32), 1.0, "squash", "nearest", half),
        ((32, 32), 1.0, "border", "bicubic", imagenet),
        ((33, 47), 0.9, "border", "bilinear", half),
        ((32, 32), 1.1, "center", "bicubic", imagenet),
        ((35, 35), 1.3, "squash", "bilinear", imagenet),
    ]:
        p = {"inputSize": [3, *size], "interpolation": interpolation, "cropPct": pct, "cropMode": mode, **norm}
        t = create_transform(input_size=(3, *size), is_training=False, interpolation=interpolation, crop_pct=pct, crop_mode=mode, **norm)
        out.append((p, t, "timm"))
    for crop, resize, interpolation in [(224, 256, "bilinear"), (224, 232, "bilinear"), (48, 52, "bicubic")]:
        p = {"inputSize": [3, crop, crop], "resizeSize": resize, "interpolation": interpolation, "cropPct": crop / resize, "cropMode": "center", **imagenet}
        t = ImageClassification(crop_size=crop, resize_size=resize, interpolation=InterpolationMode(interpolation))
        out.append((p, t, "torchvision"))
    return out


def floats(tensor) -> bytes:
    return tensor.permute(1, 2, 0).contiguous().numpy().astype("<f4").tobytes()


def eval_cases():
    cases = []
    for k, (p, t, by) in enumerate(settings()):
        for i, (w, h) in enumerate([(500, 375), (97, 61), (61, 97), (32, 32), (20, 300), (5, 3), (224, 224)]):
            if w * h > 1e5 and p["inputSize"][1] < 100 and k % 2:
                continue
            seed = SEED + 100 * k + i
            cases.append({"preprocess": p, "by": by, "from": [w, h], "seed": seed, "sha256": sha(floats(t(noise(w, h, seed))))})
    return cases


def photo_cases(shared: Path):
    chosen = [s for s in settings() if s[0]["inputSize"][1] == 224]
    cases = []
    files = sorted((shared / "photos").iterdir()) + sorted((shared / "data/imagenet-photos").iterdir())
    for path in files:
        try:
            image = Image.open(path)
            exif = image.getexif().get(0x112, 1)
            image = image.convert("RGB")
        except PIL.UnidentifiedImageError:
            continue
        assert exif == 1, path  # else Python's libraries would differ
        cases.append({
            "file": str(path.relative_to(shared)),
            "size": list(image.size),
            "decoded": sha(image.tobytes()),
            "eval": [sha(floats(t(image))) for _, t, _ in chosen],
            "resized": {name: sha(image.resize((331, 248), f).tobytes()) for name, f in FILTERS.items()},
        })
    cases.append({"file": "", "preprocess": [p for p, _, _ in chosen]})
    return cases


def png(width, height, depth, colour, rows, before=b""):
    """A PNG written by hand: rows are the scan lines without their filter bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + row for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + before
            + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def trns(data):
    return struct.pack(">I", len(data)) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))


def save(image, kind, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def without_adobe(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]:]


def resize_canvas(gif: bytes, width: int, height: int) -> bytes:
    return gif[:6] + struct.pack("<HH", width, height) + gif[10:]


def decode_files():
    rng = np.random.default_rng(SEED)
    rgb = Image.fromarray(rng.integers(0, 256, (19, 23, 3), dtype=np.uint8))
    smooth = rgb.resize((41, 30), Image.Resampling.BICUBIC)
    rgba = Image.fromarray(rng.integers(0, 256, (9, 7, 4), dtype=np.uint8), "RGBA")
    big = Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
    grey = smooth.convert("L")
    bits = grey.convert("1")
    for name, ink in (("cmyk", (51, 102, 153, 64)), ("cmyk-full", (0, 255, 255, 0))):
        data = save(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100)
        yield f"{name}.jpg", data
        yield f"{name}-no-adobe.jpg", without_adobe(data)
    inks = Image.fromarray(rng.integers(0, 256, (19, 23, 4), dtype=np.uint8), "CMYK")
    yield "cmyk-noise.jpg", save(inks, "JPEG", quality=95)
    yield "cmyk-noise.tif", save(inks, "TIFF")
    p = Image.new("P", (8, 8))
    p.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255] + [0] * 759)
    p.putdata([i % 3 for i in range(64)])
    yield "palette-alpha.png", save(p, "PNG", transparency=bytes([0, 128, 255]))
    frames = [Image.new("RGB", (20, 10), c) for c in ("red", "lime", "blue")]
    for name, kind, options in [("animation.gif", "GIF", {}), ("animation.webp", "WEBP", {"lossless": True}), ("animation.png", "PNG", {}), ("pages.tif", "TIFF", {})]:
        yield name, save(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    yield "gif-named.jpg", save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "one-frame.gif", save(frames[0], "GIF")
    yield "transparent.gif", save(smooth.quantize(7), "GIF", transparency=3)
    yield "small-frame.gif", resize_canvas(save(smooth.quantize(7), "GIF"), 50, 40)
    yield "small-frame-transparent.gif", resize_canvas(save(smooth.quantize(7), "GIF", transparency=3), 50, 40)
    yield "colours.gif", save(smooth.quantize(200), "GIF")
    yield "interlaced.gif", save(smooth.quantize(30), "GIF", interlace=1)
    row = Image.new("RGBA", (6, 1))
    row.putdata([(255, 200, 100, a) for a in (0, 1, 2, 10, 128, 255)])
    yield "alpha.png", save(row, "PNG")
    yield "alpha.webp", save(row, "WEBP", lossless=True, exact=True)
    yield "alpha.tif", save(row, "TIFF")
    yield "alpha-noise.png", save(rgba, "PNG")
    yield "alpha-noise.webp", save(rgba, "WEBP", lossless=True, exact=True)
    yield "grey-alpha.png", save(rgba.convert("LA"), "PNG")
    yield "ramp.png", save(Image.fromarray((np.arange(16, dtype=np.uint8) * 17).reshape(1, 16)), "PNG")
    for name, image in [("rgb", smooth), ("grey", grey)]:
        yield f"{name}.jpg", save(image, "JPEG", quality=90)
        yield f"{name}.png", save(image, "PNG")
        yield f"{name}.webp", save(image, "WEBP", quality=80)
        yield f"{name}.tif", save(image, "TIFF")
    yield "progressive.jpg", save(smooth, "JPEG", quality=90, progressive=True)
    yield "subsampled-444.jpg", save(smooth, "JPEG", quality=90, subsampling=0)
    yield "lzw.tif", save(smooth, "TIFF", compression="tiff_lzw")
    yield "deflate.tif", save(smooth, "TIFF", compression="tiff_deflate")
    yield "jpeg.tif", save(smooth, "TIFF", compression="jpeg")
    yield "palette.tif", save(smooth.quantize(50), "TIFF")
    yield "bits.tif", save(bits, "TIFF")
    yield "bits.png", save(bits, "PNG")
    yield "palette-4.png", save(smooth.quantize(7), "PNG")
    yield "palette-8.png", save(smooth.quantize(200), "PNG")
    words = rng.integers(0, 65536, (5, 6, 4), dtype=np.uint16).astype(">u2")
    yield "rgb-16.png", png(6, 5, 16, 2, [r.tobytes() for r in words[:, :, :3]])
    yield "rgba-16.png", png(6, 5, 16, 6, [r.tobytes() for r in words])
    yield "grey-alpha-16.png", png(6, 5, 16, 4, [r.tobytes() for r in words[:, :, :2]])
    small = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    yield "rgb-key.png", png(6, 5, 8, 2, [r.tobytes() for r in small], trns(struct.pack(">HHH", *[int(v) for v in small[0, 0]])))
    yield "grey-key.png", png(6, 5, 8, 0, [r.tobytes() for r in small[:, :, 0]], trns(struct.pack(">H", int(small[0, 0, 0]))))
    yield "grey-2.png", png(7, 5, 2, 0, [r.tobytes() for r in small[:, :2, 0]])
    yield "grey-4.png", png(3, 5, 4, 0, [r.tobytes() for r in small[:, :2, 0]])
    for name, kind, options in [("jpg", "JPEG", {"quality": 95}), ("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}), ("tif", "TIFF", {})]:
        for o in range(1, 9):
            exif = Image.Exif()
            exif[0x112] = o
            yield f"orientation-{o}.{name}", save(rgb.crop((0, 0, 12, 8)), kind, exif=exif, **options)
    yield "big.jpg", save(big, "JPEG", quality=90)
    yield "big-progressive.jpg", save(big, "JPEG", quality=90, progressive=True)


def decode_cases():
    cases = []
    for name, data in decode_files():
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        stored = Image.open(io.BytesIO(data))
        tags = getattr(stored, "tag_v2", None)  # a TIFF: Pillow rotates it by itself, when it is opened
        rgb = image.convert("RGB")
        cases.append({
            "name": name, "mode": stored.mode, "size": list(rgb.size), "stored": [tags[256], tags[257]] if tags else list(stored.size),
            "bytes": base64.b64encode(data).decode(), "sha256": sha(rgb.tobytes()),
            **({} if tags else {"unrotated": sha(stored.convert("RGB").tobytes())}),
            **({"rgb": base64.b64encode(rgb.tobytes()).decode()} if len(rgb.tobytes()) <= 600 else {}),
        })
    return cases


if __name__ == "__main__":
    write("resize", resize_cases())
    write("eval", eval_cases())
    write("decode", decode_cases())
    if len(sys.argv) > 1:
        write("photos", photo_cases(Path(sys.argv[1])))
