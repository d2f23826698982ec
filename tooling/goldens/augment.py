"""Goldens of @vitrail/data's augmentation: what Pillow, torchvision and timm make of the same bytes, and how they draw.

    python tooling/goldens/augment.py

Writes packages/data/src/augment/__goldens__/{pixels,timm,mixup,draws}.json. Pictures are stored as the first 64 bits of their SHA-256.
Made with Pillow 12.3, torch 2.13, torchvision and timm 1.0.29; seed 1729.
"""
import hashlib
import json
import math
import random
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from common import import_torchvision

torchvision = import_torchvision()

import PIL  # noqa: E402
import timm  # noqa: E402
import torchvision.transforms.functional as F  # noqa: E402
from PIL import Image, ImageFilter, ImageOps  # noqa: E402
from timm.data import auto_augment as aa  # noqa: E402
from timm.data.mixup import Mixup  # noqa: E402
from timm.data.random_erasing import RandomErasing  # noqa: E402
from timm.data.transforms import RandomResizedCropAndInterpolation  # noqa: E402
from torchvision.transforms import RandomResizedCrop, TrivialAugmentWide  # noqa: E402
from torchvision.transforms.autoaugment import _apply_op  # noqa: E402

SEED = 1729
OUT = Path(__file__).resolve().parents[2] / "packages/data/src/augment/__goldens__"
RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
FILL = (124, 116, 104)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def noise(width: int, height: int, seed: int) -> Image.Image:
    """RGB noise from a 32-bit linear congruential generator, which the tests repeat."""
    x = seed
    data = bytearray(width * height * 3)
    for i in range(len(data)):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        data[i] = x >> 24
    return Image.frombytes("RGB", (width, height), bytes(data))


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Slopes, edges and flat patches between 30 and 209; the tests repeat it."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                flat = ((x >> 2) + (y >> 3) + seed) % 4 == 0
                data.append(30 + ((seed * 50 + c * 70) if flat else x * (c + 2) + y * (4 - c) + (x * y >> 4)) % 180)
    return Image.frombytes("RGB", (width, height), bytes(data))


PICTURES = {"noise": noise, "scene": scene}
SIZES = [(1, 1), (2, 5), (3, 3), (17, 13), (40, 31), (48, 48)]


def pixel_cases():
    cases = []

    def add(op, args, run, sizes=SIZES, pictures=("noise", "scene")):
        for picture in pictures:
            for i, size in enumerate(sizes):
                result = run(PICTURES[picture](*size, i + 1))
                cases.append(dict(op=op, args=args, picture=picture, size=size, seed=i + 1, sha256=sha(result.tobytes())))

    two = [(17, 13), (40, 31)]
    add("autocontrast", [], ImageOps.autocontrast)
    add("equalize", [], ImageOps.equalize)
    add("invert", [], ImageOps.invert)
    add("hflip", [], F.hflip)
    add("vflip", [], F.vflip)
    add("toGrayscale", [], lambda im: F.to_grayscale(im, 3))
    for bits in range(9):
        add("posterize", [bits], lambda im: ImageOps.posterize(im, bits), two)
    for threshold in [0, 25, 127.5, 128, 200, 256]:
        add("solarize", [threshold], lambda im: ImageOps.solarize(im, threshold), two)
    for amount in [0, 33, 99, 110, 128]:
        add("solarizeAdd", [amount], lambda im: aa.solarize_add(im, amount), two)
    for factor in [0, 0.1, 0.37, 0.5, 0.9, 1, 1.1, 1.63, 1.9, 2.5, 7]:
        for op in ["brightness", "contrast", "saturation", "sharpness"]:
            sizes = SIZES if factor in (0.37, 1.63) else two
            run = getattr(F, f"adjust_{op}")
            add(f"adjust{op.capitalize()}", [factor], lambda im: run(im, factor), sizes)
    for factor in [-0.5, -0.3, -0.1, -0.001, 0, 0.004, 0.05, 0.2, 0.5]:
        add("adjustHue", [factor], lambda im: F.adjust_hue(im, factor), two)
    for sigma in [0, 0.1, 0.5, 1, 1.37, 2, 3.5, 10]:
        add("gaussianBlur", [sigma], lambda im: im.filter(ImageFilter.GaussianBlur(radius=sigma)))
    for resample, mode in RESAMPLE.items():
        options = dict(resample=resample, fill=FILL)
        for degrees in [0, 3, -17.3, 45, 90, 180, 270, 135, 359.9]:
            add("rotate", [degrees, options], lambda im: im.rotate(degrees, resample=mode, fillcolor=FILL), two + [(48, 48)])
        for matrix in [
            (1, 0.27, 0, 0, 1, 0),
            (1, -0.3, 0, 0, 1, 0),
            (1, 0, 0, 0.19, 1, 0),
            (1, 0, 0, -0.99, 1, 0),
            (1, 0, 7.65, 0, 1, 0),
            (1, 0, -4, 0, 1, 0),
            (1, 0, 0, 0, 1, 5.58),
            (1, 0, 0, 0, 1, -9.5),
            (0.8, 0.1, 3.3, -0.2, 1.3, -2.1),
            (2.5, 0, -3, 0, 0.4, 1),
        ]:
            add(
                "affine",
                [matrix, options],
                lambda im: im.transform(im.size, Image.Transform.AFFINE, matrix, resample=mode, fillcolor=FILL),
                SIZES if matrix[0] == 0.8 else two,
            )
    for name, (magnitudes, signed) in TrivialAugmentWide()._augmentation_space(31).items():
        every = magnitudes.tolist() if magnitudes.ndim else [0.0]
        for at in sorted({0, 1, 13, 17, 30} & set(range(len(every)))):
            for sign in [1, -1] if signed else [1]:
                for fill in [None, FILL]:
                    args = [name, at, sign, fill]
                    run = lambda im: _apply_op(  # noqa: E731
                        im, name, sign * every[at], F.InterpolationMode.NEAREST, fill and list(fill)
                    )
                    add("trivial", args, run, [(40, 31)])
    for pad in [1, 4]:
        for mode in ["constant", "edge", "reflect", "symmetric"]:
            add("padWith", [pad, mode, list(FILL)], lambda im: F.pad(im, pad, FILL, mode), [(17, 13), (5, 5)])
    return cases


def policy(ops):
    return [[[op.name, op.prob, op.magnitude] for op in sub] for sub in ops]


def timm_cases():
    """Levels to arguments, strings to settings, policies."""
    levels = []
    hparams = dict(translate_const=100, img_mean=FILL)
    for name, f in aa.LEVEL_TO_ARG.items():
        for level in [0, 0.4, 3, 5.55, 9, 10, 10.0001, 12, 30] if f else [5]:
            for sign in [1, -1]:
                with mock.patch("random.random", lambda: 0.1 if sign > 0 else 0.9):
                    args = f(level, hparams) if f else ()
                levels.append(dict(name=name, level=level, sign=sign, args=list(args)))
    strings = []
    for text in [
        "rand-m9-mstd0.5", "rand-m9-mstd0.5-inc1", "rand-m7-n3-mstd0.5", "rand-n4-m5-p0.8", "rand-mstd1-tweights",
        "rand-m15-mmax20-inc1", "rand-m9-mstd101-inc1", "rand-m6-n3-inc1-t3a", "rand-m9-t3aw-n1", "rand", "rand-inc0",
        "rand-m8-inc1-mstd1.0",
    ]:
        for interpolation in [None, Image.Resampling.BILINEAR]:
            given = dict(translate_const=100, img_mean=FILL)
            if interpolation:
                given["interpolation"] = interpolation
            made = aa.rand_augment_transform(text, given)
            op = made.ops[0]
            strings.append(dict(
                text=text, ops=[o.name for o in made.ops], layers=made.num_layers, prob=op.prob, magnitude=op.magnitude,
                std="inf" if op.magnitude_std == math.inf else op.magnitude_std, most=op.magnitude_max or 10,
                weights=None if made.choice_weights is None else made.choice_weights.tolist(),
            ))
    policies = []
    for text in ["v0", "v0r", "original", "originalr", "3a", "original-mstd0.5", "v0-mstd1"]:
        made = aa.auto_augment_transform(text, dict(translate_const=100, img_mean=FILL))
        policies.append(dict(text=text, policy=policy(made.policy), std=made.policy[0][0].magnitude_std))
    return [dict(levels=levels, strings=strings, policies=policies)]


def mixup_cases():
    cases = []
    settings = [
        dict(mixup_alpha=0.8, cutmix_alpha=0, mode="batch"),
        dict(mixup_alpha=0, cutmix_alpha=1, mode="batch"),
        dict(mixup_alpha=0.2, cutmix_alpha=1, mode="pair"),
        dict(mixup_alpha=0.8, cutmix_alpha=1, mode="elem"),
        dict(mixup_alpha=0.8, cutmix_alpha=1, mode="elem", prob=0.5, label_smoothing=0.0),
        dict(mixup_alpha=0.8, cutmix_alpha=1, mode="pair", cutmix_minmax=[0.2, 0.8]),
        dict(mixup_alpha=0, cutmix_alpha=1, mode="batch", correct_lam=False),
    ]
    size, channels, height, width, classes = 6, 3, 7, 9, 5
    for at, setting in enumerate(settings):
        np.random.seed(SEED + at)
        mix = Mixup(num_classes=classes, **setting)
        boxes = []
        draw = timm.data.mixup.cutmix_bbox_and_lam
        first = mix._params_per_elem

        def record(*args, **kwargs):
            box, lam = draw(*args, **kwargs)
            boxes.append([int(v) for v in box])
            return box, lam

        values = np.arange(size * channels * height * width) * 2654435761 % 2**24 / 2**22 - 2
        x = torch.from_numpy(values.astype(np.float32).reshape(size, height, width, channels)).permute(0, 3, 1, 2).contiguous()
        labels = torch.tensor([i * 2 % classes for i in range(size)])
        kinds = {}

        def elem(n):
            kinds["lam"], kinds["cut"] = first(n)
            kinds["lam"] = kinds["lam"].copy()
            return first_result(n, kinds)

        def first_result(n, k):
            return k["lam"].copy(), k["cut"]

        params = mix._params_per_batch

        def batch():
            lam, cut = params()
            kinds["lam"], kinds["cut"] = np.array([lam]), np.array([cut])
            return lam, cut

        final = {}
        whole = {name: getattr(mix, name) for name in ["_mix_elem", "_mix_pair", "_mix_batch"]}

        def keep(name):
            def run(y):
                lam = whole[name](y)
                final["lam"] = lam.flatten().double().tolist() if isinstance(lam, torch.Tensor) else [float(lam)]
                return lam

            return run

        with mock.patch.object(timm.data.mixup, "cutmix_bbox_and_lam", record), mock.patch.object(
            mix, "_params_per_elem", elem
        ), mock.patch.object(mix, "_params_per_batch", batch), mock.patch.object(mix, "_mix_elem", keep("_mix_elem")), \
                mock.patch.object(mix, "_mix_pair", keep("_mix_pair")), mock.patch.object(mix, "_mix_batch", keep("_mix_batch")):
            images, targets = mix(x, labels)
        taken = iter(boxes)
        mixes = []
        for lam, cut, end in zip(kinds["lam"], kinds["cut"], final["lam"]):
            entry = dict(lam=float(end))
            if lam != 1 and cut:
                top, bottom, left, right = next(taken)
                entry["box"] = dict(top=top, bottom=bottom, left=left, right=right)
            mixes.append(entry)
        nhwc = images.permute(0, 2, 3, 1).contiguous().numpy()
        cases.append(dict(
            setting=setting, mixes=mixes, labels=labels.tolist(), images=sha(nhwc.tobytes()), targets=targets.double().flatten().tolist(),
        ))
    return cases


def histogram(values, edges):
    counts, _ = np.histogram(values, bins=edges)
    assert counts.sum() == len(values)
    return counts.tolist()


def draw_cases():
    """Histograms of 200,000 draws, to compare ours with."""
    n = 200_000
    random.seed(SEED)
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    cases = []
    for by, size, scale, ratio in [
        ("timm", (500, 375), (0.08, 1.0), (3 / 4, 4 / 3)),
        ("timm", (200, 90), (0.35, 1.0), (3 / 4, 4 / 3)),
        ("torchvision", (60, 80), (0.08, 1.0), (0.5, 2.0)),
    ]:
        image = Image.new("RGB", size)
        get = (RandomResizedCropAndInterpolation if by == "timm" else RandomResizedCrop).get_params
        m = n if by == "timm" else n // 4
        drawn = np.array([get(image, list(scale), list(ratio)) for _ in range(m)], dtype=np.float64)
        top, left, h, w = drawn.T
        edges = np.linspace(0, 1.0001, 26)
        logs = np.linspace(math.log(ratio[0]) - 0.15, math.log(ratio[1]) + 0.15, 26)
        cases.append(dict(
            what="resizedCrop", by=by, size=size, scale=scale, ratio=ratio, draws=m,
            area=histogram(w * h / (size[0] * size[1]), edges),
            aspect=histogram(np.clip(np.log(w / h), logs[0], logs[-1]), logs),
            left=histogram(left / size[0], edges), top=histogram(top / size[1], edges),
        ))
    erase = RandomErasing(probability=1, max_count=3, device="cpu")
    counts, areas = [], []
    for _ in range(n // 10):
        x = torch.ones(1, 40, 60)
        erase(x)
        areas.append(1 - x.mean().item())
        counts.append(x[0, 20, 30].item() == 0)
    cases.append(dict(
        what="erasing", size=(60, 40), count=3, draws=n // 10, area=histogram(areas, np.linspace(0, 1.0001, 26)),
        middle=int(sum(counts)),
    ))
    for alpha in [1.0, 0.3]:
        mix = Mixup(mixup_alpha=0, cutmix_alpha=alpha)
        lams = []
        for _ in range(n // 2):
            lam, _ = mix._params_per_batch()
            lams.append(timm.data.mixup.cutmix_bbox_and_lam((3, 32, 24), lam)[1] if lam != 1 else 1.0)
        cases.append(dict(what="cutmix", alpha=alpha, size=(24, 32), draws=n // 2, lam=histogram(lams, np.linspace(0, 1.0001, 26))))
    return cases


def write(name: str, cases) -> None:
    body = {
        "generator": "tooling/goldens/augment.py",
        "seed": SEED,
        "versions": {
            "Pillow": PIL.__version__,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "timm": timm.__version__,
        },
    }
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(c) for c in cases)
    (OUT / f"{name}.json").write_text(f'{json.dumps(body)[:-1]}, "cases": [\n{lines}\n]}}\n')
    print(name, len(cases), (OUT / f"{name}.json").stat().st_size)


write("pixels", pixel_cases())
write("timm", timm_cases())
write("mixup", mixup_cases())
write("draws", draw_cases())
