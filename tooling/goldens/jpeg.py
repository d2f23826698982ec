"""Goldens of @vitrail/data's JPEG decoder: small files and what Pillow (libjpeg-turbo) makes of them.

    python tooling/goldens/jpeg.py

Writes packages/data/src/jpeg/__goldens__/files.json. Made with Pillow 12.3; seed 1729.
"""
import base64
import hashlib
import io
import json
import random
from pathlib import Path

import PIL
from PIL import Image

SEED = 1729
OUT = Path(__file__).resolve().parents[2] / "packages/data/src/jpeg/__goldens__/"


def picture(width: int, height: int, rng: random.Random, mode: str) -> Image.Image:
    """Slopes, edges and noise, so that blocks have few coefficients and many."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3 if mode == "RGB" else 1):
                v = (x * 5 + y * (3 + c)) % 256 if (x // 11 + y // 7) % 3 else rng.randrange(256) if x % 2 else 255 * (c == 1)
                data.append(v)
    return Image.frombytes(mode, (width, height), bytes(data))


cases = []
rng = random.Random(SEED)
SAMPLINGS = {"444": 0, "422": 1, "420": 2}
for name, subsampling in SAMPLINGS.items():
    for width, height, options in [
        (41, 30, dict(quality=75)),
        (16, 16, dict(quality=95)),
        (33, 17, dict(quality=100)),
        (23, 35, dict(quality=5)),
        (7, 9, dict(quality=60)),
        (50, 37, dict(quality=80, restart_marker_blocks=2)),
        (50, 37, dict(quality=80, restart_marker_rows=1)),
        (19, 40, dict(quality=90, optimize=True)),
    ]:
        image = picture(width, height, rng, "RGB")
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", subsampling=subsampling, **options)
        cases.append((f"{name} {width}x{height} {options}", buffer.getvalue(), True))
for width, height in [(1, 1), (9, 25), (40, 40)]:
    buffer = io.BytesIO()
    picture(width, height, rng, "L").save(buffer, "JPEG", quality=85)
    cases.append((f"grey {width}x{height}", buffer.getvalue(), True))
for name, mode, options in [
    ("progressive", "RGB", dict(progressive=True)),
    ("cmyk", "CMYK", {}),
    ("rgb", "RGB", dict(keep_rgb=True, subsampling=0)),
    ("narrow", "RGB", dict(subsampling=2)),
]:
    buffer = io.BytesIO()
    picture(4 if name == "narrow" else 24, 20, rng, "RGB").convert(mode).save(buffer, "JPEG", **options)
    cases.append((name, buffer.getvalue(), False))

OUT.mkdir(parents=True, exist_ok=True)
lines = []
for name, data, plain in cases:
    pixels = Image.open(io.BytesIO(data)).convert("RGB")
    lines.append(json.dumps({
        "name": name, "plain": plain, "size": pixels.size, "bytes": base64.b64encode(data).decode(),
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()[:16],
    }))
head = json.dumps({"generator": "tooling/goldens/jpeg.py", "seed": SEED, "versions": {"Pillow": PIL.__version__}})[:-1]
(OUT / "files.json").write_text(f'{head}, "cases": [\n' + ",\n".join(lines) + "\n]}\n")
print(len(cases), (OUT / "files.json").stat().st_size)
