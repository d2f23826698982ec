"""A folder of packaged weights, opened by Python's safetensors and run by a twin in PyTorch, for shipped.test.ts: one JSON document.

    python shipped_check.py version | logits FOLDER PICTURE...     -> {dtypes, logits of each picture}
"""
import json
import sys
from pathlib import Path

import numpy as np
import PIL
import safetensors
import torch
from PIL import Image
from safetensors.torch import load_file

from twins import twin_of


def prepared(path, cfg):
    """As timm's evaluation: shortest edge, centre crop, normalised."""
    assert cfg["interpolation"] == "bicubic" and cfg["crop_mode"] == "center", cfg
    side = cfg["input_size"][1]
    edge = int(side / cfg["crop_pct"])
    im = Image.open(path).convert("RGB")
    w, h = im.size
    size = (edge, int(edge * h / w)) if w <= h else (int(edge * w / h), edge)
    if size != im.size:
        im = im.resize(size, Image.BICUBIC)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    x = np.asarray(im.crop((left, top, left + side, top + side)), np.float32) / 255
    return torch.from_numpy((x - np.float32(cfg["mean"])) / np.float32(cfg["std"])).permute(2, 0, 1)


def main(command, *args):
    if command == "version":
        versions = {"torch": torch.__version__, "safetensors": safetensors.__version__, "pillow": PIL.__version__}
        return {**versions, "python": sys.version.split()[0]}
    folder, *pictures = args
    config = json.loads((Path(folder) / "config.json").read_text())
    weights = load_file(Path(folder) / "model.safetensors")
    model = twin_of(config).eval()
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]  # of momentum None, which nobody uses
    assert not missing and not unexpected, (missing, unexpected)
    with torch.no_grad():
        logits = model(torch.stack([prepared(path, config["pretrained_cfg"]) for path in pictures]))
    return {"dtypes": sorted({str(v.dtype) for v in weights.values()}), "logits": logits.tolist()}


print(json.dumps(main(*sys.argv[1:])))
