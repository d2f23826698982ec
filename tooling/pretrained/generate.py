"""Writes the tables of pretrained weights: packages/resnet/src/pretrained.ts and packages/vit/src/pretrained.ts.

    python generate.py PYTORCH_IMAGE_MODELS   # a checkout of github.com/huggingface/pytorch-image-models, or its git directory

Sources, all read at run time, nothing by hand but what SOURCES and PAPERS name:
- timm (PyPI): which checkpoints there are and in which order (the first is timm's default), hub id, licence, origin, input, classes;
  parameters counted on its own model.
- results/results-imagenet.csv of that checkout: top-1 as timm measured it. The row taken is the one at the training size, or at the test
  size where images were trained below 224 pixels; its size, crop and interpolation are the entry's `preprocess`.
- results/benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv of that checkout: GMACs at that size.
- torchvision (PyPI): acc@1 of its own checkpoints, against which timm's measurement of the same files is held (0.1 points).
What none of them states is null.
"""
import csv
import io
import pathlib
import subprocess
import sys

import torch

register_fake = torch.library.register_fake
# a torchvision without its compiled operators cannot register them; its tables need none
torch.library.register_fake = lambda name, *a, **k: (lambda f: f) if str(name).startswith("torchvision::") else register_fake(name, *a, **k)
import timm  # noqa: E402
import torchvision  # noqa: E402
from timm.models import get_pretrained_cfg  # noqa: E402
from timm.models._registry import _model_with_tags  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
RESNETS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
VITS = [f"vit_{s}_patch{p}_{r}" for s in ("tiny", "small", "base", "large") for p in (16, 32) for r in (224, 384)]
DEITS = ["deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224", "deit_base_patch16_384"]
# other trainings of the same network, with licences and preprocessing of their own
PASSED_OVER = {"dino", "mae"}

TIMM = "timm, https://github.com/huggingface/pytorch-image-models"
SOURCES = {  # origin_url or the beginning of url in timm's table -> who trained it
    "https://github.com/huggingface/pytorch-image-models": ("timm", TIMM),
    "https://github.com/rwightman/pytorch-image-models": ("timm", TIMM),
    "https://github.com/pytorch/vision": ("torchvision", "torchvision, https://github.com/pytorch/vision"),
    "https://github.com/facebookresearch/semi-supervised-ImageNet1K-models": (
        "facebook",
        "Facebook AI Research, https://github.com/facebookresearch/semi-supervised-ImageNet1K-models, converted by timm",
    ),
    "https://cv.gluon.ai/model_zoo/classification.html": (
        "gluon",
        "GluonCV, https://cv.gluon.ai/model_zoo/classification.html, converted by timm",
    ),
    "https://storage.googleapis.com/vit_models/": (
        "google",
        "Google, https://github.com/google-research/vision_transformer, converted by timm",
    ),
    "https://dl.fbaipublicfiles.com/deit/": ("deit", "Facebook AI Research, https://github.com/facebookresearch/deit"),
}
# Of these timm's table names the converted file's place or nothing; its model code (timm/models/vision_transformer.py) says who trained them
NAMED_ELSEWHERE = {
    "augreg2_in21k_ft_in1k": ("timmFromGoogle", f"{TIMM}, fine-tuned from Google's ImageNet-21k weights"),
    "orig_in21k": SOURCES["https://storage.googleapis.com/vit_models/"],
    "orig_in21k_ft_in1k": SOURCES["https://storage.googleapis.com/vit_models/"],
}
UNKNOWN = ("unknown", "not stated; https://huggingface.co/timm has a copy")
PAPERS = {  # by the beginning of the tag, where timm's table has none: as timm/models/vision_transformer.py, deit.py and resnet.py cite
    "augreg": "2106.10270",
    "orig": "2010.11929",
    "sam": "2106.01548",
    "fb_in1k": "2012.12877",
    "fb_ssl": "1905.00546",
    "fb_swsl": "1905.00546",
    "tv_in1k": "1512.03385",
    "tv2_in1k": "1512.03385",
}


def rows(repo, name):
    """A csv of the checkout or of its newest commit."""
    path = pathlib.Path(repo)
    if (path / "results" / name).exists():
        text = (path / "results" / name).read_text()
    else:
        text = subprocess.run(["git", "-C", repo, "show", f"HEAD:results/{name}"], check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(io.StringIO(text)))


def entries(model, results, benchmarks):
    for name in _model_with_tags[model]:
        cfg = get_pretrained_cfg(name)
        tag = name.split(".", 1)[1]
        if tag in PASSED_OVER or not cfg.hf_hub_id:
            continue
        params = sum(p.numel() for p in build(model, cfg.num_classes).parameters())
        size, crop = cfg.input_size, cfg.crop_pct
        if size[1] < 224 and cfg.test_input_size:
            size, crop = cfg.test_input_size, cfg.test_crop_pct or cfg.crop_pct
        found = [
            r for r in results
            if r["model"] == name and int(r["img_size"]) == size[1] and abs(float(r["crop_pct"]) - crop) < 6e-4 and r["interpolation"] == cfg.interpolation
        ]
        top1 = float(found[0]["top1"]) if found else None
        if top1 is not None and tag in ("tv_in1k", "tv2_in1k"):
            check(model, tag, top1)
        macs = [
            float(r["infer_gmacs"]) for r in benchmarks
            if r["model"].split(".")[0] == model and int(r["infer_img_size"]) == size[1] and abs(float(r["param_count"]) - params / 1e6) < 0.006
        ]
        yield {
            "tag": tag,
            "hubId": cfg.hf_hub_id,
            "license": cfg.license,
            "source": source(cfg, tag),
            "paper": paper(cfg, tag),
            "top1": top1,
            "params": params,
            "gmacs": macs[0] if macs else None,
            "preprocess": (size, cfg.interpolation, crop, cfg.crop_mode, cfg.mean, cfg.std),
            "numClasses": cfg.num_classes,
        }


def build(model, classes):
    with torch.device("meta"):
        return timm.create_model(model, num_classes=classes)


def check(model, tag, top1):
    """timm's measurement of torchvision's files must be torchvision's own."""
    enum = torchvision.models.get_model_weights(model)
    stated = (enum.IMAGENET1K_V1 if tag == "tv_in1k" else enum.IMAGENET1K_V2).meta["_metrics"]["ImageNet-1K"]["acc@1"]
    if abs(stated - top1) > 0.1:
        raise SystemExit(f"{model}.{tag}: timm measured {top1}, torchvision states {stated}")


def source(cfg, tag):
    if tag in NAMED_ELSEWHERE:
        return NAMED_ELSEWHERE[tag]
    return next((who for key, who in SOURCES.items() if any((at or "").startswith(key) for at in (cfg.origin_url, cfg.url))), UNKNOWN)


def paper(cfg, tag):
    ids = cfg.paper_ids
    if ids:
        return (ids if isinstance(ids, str) else ids[0]).removeprefix("arXiv:")
    return next((PAPERS[start] for start in PAPERS if tag.startswith(start)), None)


def number(value):
    return "null" if value is None else f"{value:_}" if isinstance(value, int) else f"{value:g}" if value < 1 else f"{value:.6g}"


def preprocess_name(p):
    (_, size, _), interpolation, crop, _, mean, _ = p
    return f"{interpolation}{size}x{f'{crop:g}'.replace('0.', '')}{'half' if mean[0] == 0.5 else ''}"


def write(path, models, about):
    sources, preprocesses, tables = {}, {}, []
    for model, found in models.items():
        if not found:
            continue
        tags = " | ".join(f'"{e["tag"]}"' for e in found)
        lines = []
        for e in found:
            key, text = e["source"]
            sources[key] = text
            pre = preprocess_name(e["preprocess"])
            preprocesses[pre] = e["preprocess"]
            arxiv = "null" if e["paper"] is None else f'"https://arxiv.org/abs/{e["paper"]}"'
            lines.append(
                f'  {e["tag"]}: {{ tag: "{e["tag"]}", hubId: "{e["hubId"]}", license: "{e["license"]}", source: {key}, paper: {arxiv}, '
                f'top1: {number(e["top1"])}, params: {number(e["params"])}, gmacs: {number(e["gmacs"])}, preprocess: {pre}, numClasses: {e["numClasses"]} }},'
            )
        tables.append(f"/** Of {model}. */\nexport const {model}: WeightsTable<{tags}> = {{\n" + "\n".join(lines) + "\n};\n")
    consts = [f'const {key} = "{text}";' for key, text in sources.items()]
    for name, ((c, h, w), interpolation, crop, mode, mean, std) in preprocesses.items():
        consts.append(
            f'const {name}: Preprocess = {{ inputSize: [{c}, {h}, {w}], interpolation: "{interpolation}", cropPct: {crop:g}, '
            f'cropMode: "{mode}", mean: [{", ".join(map(str, mean))}], std: [{", ".join(map(str, std))}] }};'
        )
    text = (
        f"/**\n * {about} Written by tooling/pretrained/generate.py from timm {timm.__version__},\n"
        f" * torchvision {torchvision.__version__.split('+')[0]} and the result tables of github.com/huggingface/pytorch-image-models at {commit[:12]}; it says what is from where.\n"
        " * The first of a model is timm's default. Do not edit.\n */\n"
        'import type { Preprocess, WeightsTable } from "@vitrail/layers";\n\n' + "\n".join(consts) + "\n\n" + "\n".join(tables)
    )
    (ROOT / path).write_text(text)


repo = sys.argv[1]
commit = subprocess.run(["git", "-C", repo, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
results = rows(repo, "results-imagenet.csv")
benchmarks = rows(repo, "benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv")
table = {model: list(entries(model, results, benchmarks)) for model in RESNETS + VITS + DEITS if model in _model_with_tags}
write("packages/resnet/src/pretrained.ts", {m: table[m] for m in RESNETS}, "Every published checkpoint of the ResNets here.")
write("packages/vit/src/pretrained.ts", {m: t for m, t in table.items() if m not in RESNETS}, "Every published checkpoint of the Vision Transformers here, DeiT's among them.")
