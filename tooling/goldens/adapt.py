"""Goldens of adapting pretrained models: what timm makes of a checkpoint for another image size, patch size, number of
channels or pooling; timm's layer numbers; a transformer with average pooling; LoRA and fusions as PyTorch twins.

    python tooling/goldens/adapt.py

The small checkpoint is filled by name (`fill`, gain 1), so that no file holds it.
"""

import torch
from torch import nn

from common import ROOT, calibrate, fill, fill_model, image, nchw, write, write_model
from resnet import BasicBlock, NarrowResNet
from vit import Cut

import timm  # isort: skip
from timm.layers.pos_embed import resample_abs_pos_embed  # isort: skip
from timm.models._builder import load_pretrained  # isort: skip
from timm.models._manipulate import adapt_input_conv, group_parameters  # isort: skip
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn  # isort: skip

VIT, RESNET = (ROOT / f"packages/{p}/src/__goldens__" for p in ("vit", "resnet"))
SIZES = dict(num_classes=5, embed_dim=24, depth=2, num_heads=3, mlp_ratio=4.0)
BASE = dict(img_size=32, patch_size=8, **SIZES)

# Of each: what create_model would be told besides the checkpoint's own sizes.
CASES = {
    "larger": dict(img_size=64),
    "wide": dict(img_size=(24, 56)),
    "grey": dict(in_chans=1),
    "five": dict(in_chans=5),
    "finer": dict(patch_size=4),
    "coarser": dict(patch_size=16, img_size=(48, 80)),
    "mean": dict(global_pool="avg", fc_norm=False),
    "mean-anew": dict(global_pool="avg", num_classes=3),
    "all": dict(img_size=(36, 60), patch_size=12, in_chans=1, num_classes=4),
}


def adapted(factory, state: dict, classes: int, **changes) -> nn.Module:
    """A model with the checkpoint in it, loaded as timm's factory loads it."""
    model = factory(**changes)
    cfg = dict(state_dict=state, num_classes=classes, first_conv="patch_embed.proj", classifier="head")
    load_pretrained(
        model, cfg, num_classes=model.num_classes, in_chans=changes.get("in_chans", 3), filter_fn=checkpoint_filter_fn
    )
    return model.eval().double()


def answer(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the classifier sees: a new one is drawn at random."""
    with torch.no_grad():
        return model.forward_head(model.forward_features(nchw(x).double()), pre_logits=True)


def vit() -> None:
    base = VisionTransformer(**BASE)
    fill_model(base, 1.0)
    state = {k: v.float() for k, v in base.state_dict().items()}
    out = {}
    for name, changes in CASES.items():
        model = adapted(lambda **c: VisionTransformer(**(BASE | c)), dict(state), 5, **changes)
        height, width = model.patch_embed.img_size
        x = image(f"adapt.{name}", (2, height, width, changes.get("in_chans", 3)))
        out[f"{name}.pos_embed"] = model.pos_embed
        out[f"{name}.patch_embed.proj.weight"] = model.patch_embed.proj.weight
        out[f"{name}.features"] = answer(model, x)
        if "num_classes" not in changes:
            out[f"{name}.logits"] = model(nchw(x).double())
    # A grid that is not square, to another, and prefix tokens.
    posed = fill("adapt.pos", (1, 2 + 15, 8), 1.0)
    out["prefixed"] = resample_abs_pos_embed(posed, [4, 4], old_size=[3, 5], num_prefix_tokens=2)
    numbers = layer_numbers({
        "vit": base,
        "vit-avg": VisionTransformer(**(BASE | dict(global_pool="avg"))),
        "vit-bare": VisionTransformer(**(BASE | dict(num_classes=0))),
    })
    write(VIT / "adapt.safetensors", out, "adapt.py", layers=numbers)

    # Average pooling, with gradients.
    model = VisionTransformer(img_size=(32, 24), patch_size=8, global_pool="avg", **SIZES)
    for b in model.blocks:
        b.attn.fused_attn = False
    fill_model(model, 1.0)
    write_model(VIT, "vit-avg", model.double(), (2, 32, 24, 3), [1, 4], "adapt.py", ("eval",))


def layer_numbers(models: dict) -> dict:
    """timm's numbers by name; a key that ends in "coarse" counts stages."""
    return {
        key: group_parameters(model, model.group_matcher(coarse=key.endswith("coarse")), reverse=True)
        for key, model in models.items()
    }


def resnet() -> None:
    from safetensors.torch import load_file

    state = load_file(RESNET / "basic.params.safetensors")
    out = {}
    for name, channels in (("grey", 1), ("two", 2), ("five", 5)):
        model = NarrowResNet(BasicBlock, (2, 1, 1, 1), 4, 5)
        weight = adapt_input_conv(channels, state["conv1.weight"])
        model.conv1 = nn.Conv2d(channels, 4, 7, 2, 3, bias=False)
        model.load_state_dict(state | {"conv1.weight": weight}, strict=False)
        with torch.no_grad():
            logits = model.eval().double()(nchw(image(f"adapt.{name}", (2, 48, 40, channels))).double())
        out |= {f"{name}.conv1.weight": weight, f"{name}.logits": logits}
    numbers = layer_numbers({
        "resnet18": timm.create_model("resnet18"),
        "resnet18-coarse": timm.create_model("resnet18"),
        "resnet50-bare": timm.create_model("resnet50", num_classes=0),
    })
    write(RESNET / "adapt.safetensors", out, "adapt.py", layers=numbers)


class LoraLinear(nn.Linear):
    """y = W x + (alpha / r) B A x, under PEFT's names."""

    def __init__(self, inside: int, outside: int, rank: int, alpha: float):
        super().__init__(inside, outside)
        self.lora_A, self.lora_B = nn.Linear(inside, rank, bias=False), nn.Linear(rank, outside, bias=False)
        self.scale = alpha / rank

    def forward(self, x):
        return super().forward(x) + self.scale * self.lora_B(self.lora_A(x))


def lora() -> None:
    model = VisionTransformer(img_size=(32, 24), patch_size=8, **SIZES)
    for b in model.blocks:
        b.attn.fused_attn = False
        b.attn.qkv, b.attn.proj = LoraLinear(24, 72, 4, 6), LoraLinear(24, 24, 4, 6)
        b.mlp.fc1, b.mlp.fc2 = LoraLinear(24, 96, 4, 6), LoraLinear(96, 24, 4, 6)
    fill_model(model, 1.0)
    write_model(VIT, "lora", model.double(), (2, 32, 24, 3), [1, 4], "adapt.py", ("eval",))


class Backbone(Cut):
    """Pooled features of the first three stages."""

    def forward(self, x):
        return super().forward(x).mean((2, 3))


class Fusion(nn.Module):
    """Twin of @vitrail/layers' Fusion over a transformer and a cut ResNet; the second part gets images its own way."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.vit = VisionTransformer(img_size=(64, 32), patch_size=16, **(SIZES | dict(depth=1, num_classes=0)))
        self.resnet = Backbone(BasicBlock, (1, 1, 1), 4)
        if kind == "gated":
            self.project = nn.ModuleDict({"vit": nn.Linear(24, 20), "resnet": nn.Linear(16, 20)})
            self.gate = nn.Linear(40, 40)
        if kind == "logits":
            self.head = nn.ModuleDict({"vit": nn.Linear(24, 5), "resnet": nn.Linear(16, 5)})
        else:
            self.head = nn.Linear(20 if kind == "gated" else 40, 5)

    def forward(self, x):
        # mean and deviation of 0.5 are taken back, ImageNet's applied
        mean, std = (torch.tensor(v, dtype=x.dtype)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        a, b = self.vit(x), self.resnet((x * 0.5 + 0.5 - mean) / std)
        if self.kind == "logits":
            return (self.head["vit"](a) + self.head["resnet"](b)) / 2
        features = torch.cat((a, b), 1)
        if self.kind == "gated":
            # of two parts, softmax is the sigmoid of the difference
            first, second = self.gate(features).chunk(2, 1)
            z = torch.sigmoid(first - second)
            features = z * torch.tanh(self.project["vit"](a)) + (1 - z) * torch.tanh(self.project["resnet"](b))
        return self.head(features)


def fusion() -> None:
    for kind in ("logits", "concat", "gated"):
        model = Fusion(kind)
        fill_model(model, 1.0)
        fill_model(model.resnet, 2**0.5)
        model = model.double()
        calibrate(model, nchw(image(f"fusion.{kind}.calibration", (8, 64, 32, 3))).double())
        write_model(VIT, f"fusion-{kind}", model, (2, 64, 32, 3), [0, 3], "adapt.py", ("train",))


def real() -> None:
    """timm's own factory over real weights, where they stand beside the checkout."""
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    file = ROOT.parent / "shared/hub/timm" / name / "model.safetensors"
    if not file.exists():
        return
    overlay = dict(file=str(file), custom_load=False)
    out = {}
    for key, changes in (
        ("a", dict(img_size=(96, 160), in_chans=1, num_classes=4)),
        ("b", dict(img_size=384, patch_size=32)),
        ("c", dict(img_size=112, global_pool="avg", num_classes=4)),
    ):
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **changes).eval().double()
        height, width = model.patch_embed.img_size
        x = image(f"adapt.real.{key}", (1, height, width, changes.get("in_chans", 3)))
        out[f"{key}.features"] = answer(model, x)
        if "num_classes" not in changes:
            out[f"{key}.logits"] = model(nchw(x).double())
    write(VIT / "real-adapt.safetensors", out, "adapt.py", weights=f"timm/{name}")


if __name__ == "__main__":
    vit()
    resnet()
    lora()
    fusion()
    real()
