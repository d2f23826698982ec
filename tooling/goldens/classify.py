"""Writes packages/classify/src/__goldens__/imagenet-photos.json: what timm says about real photos, from file to probability.

    python tooling/goldens/classify.py [--shared ../shared]

The weights, the 200 photos and the two sample photos are those beside the checkout (../shared); none of them is committed.
Per photo: the index of the best class and the five best classes with their probabilities (softmax in fp64). EXIF orientation
and ICC profiles are ignored, as timm and torchvision ignore them. Made with timm 1.0.29, torch 2.13.0 and Pillow 12.3.0; no
random numbers are drawn.
"""

import argparse
import json
from pathlib import Path

import PIL
import safetensors.torch
import torch
from PIL import Image

if not hasattr(torch.library, "_vitrail_patched"):  # torchvision's C++ ops are absent from some installs and not needed here
    _register = torch.library.register_fake

    def register_fake(name, *args, **kwargs):
        if isinstance(name, str) and name.startswith("torchvision::"):
            return lambda f: f
        return _register(name, *args, **kwargs)

    torch.library.register_fake = register_fake
    torch.library._vitrail_patched = True

import timm  # noqa: E402
from timm.data import create_transform, resolve_data_config  # noqa: E402

MODEL = "vit_tiny_patch16_224"
TAG = "augreg_in21k_ft_in1k"
SAMPLES = ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "china.jpg", "flower.jpg"]
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    shared = parser.parse_args().shared
    torch.set_num_threads(1)
    folder = shared / "hub" / "timm" / f"{MODEL}.{TAG}"
    cfg = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    model = timm.create_model(MODEL, pretrained=False).eval()
    model.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"), strict=True)
    data = resolve_data_config({}, pretrained_cfg=cfg)
    transform = create_transform(**data, is_training=False)

    paths = sorted((shared / "data" / "imagenet-photos").iterdir(), key=lambda p: p.name)
    paths = [shared / "photos" / name for name in SAMPLES] + [p for p in paths if p.suffix == ".JPEG"]
    photos = []
    with torch.inference_mode():
        for path in paths:
            image = Image.open(path)
            orientation = image.getexif().get(0x0112, 1)
            p = model(transform(image.convert("RGB"))[None]).double().softmax(1)[0]
            best = p.topk(5)
            photos.append({
                "file": str(path.relative_to(shared)),
                "orientation": orientation,
                "top": [[int(i), round(float(v), 7)] for v, i in zip(best.values, best.indices)],
            })
    golden = {
        "generator": "tooling/goldens/classify.py",
        "versions": {"timm": timm.__version__, "torch": torch.__version__.split("+")[0], "pillow": PIL.__version__},
        "model": MODEL,
        "weights": f"timm/{MODEL}.{TAG}",
    }
    out = ROOT / "packages" / "classify" / "src" / "__goldens__" / "imagenet-photos.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    head = json.dumps(golden, indent=2)[:-2]
    rows = ",\n".join("    " + json.dumps(p) for p in photos)
    out.write_text(head + ',\n  "photos": [\n' + rows + "\n  ]\n}\n")
    print(f"{out}: {len(photos)} photos")


if __name__ == "__main__":
    main()
