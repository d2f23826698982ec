"""Goldens of @vitrail/vit: timm's Vision Transformer with few channels, a PyTorch twin of the hybrid, the logits of the
full-size networks, and those of real weights where they stand beside the checkout.

    python tooling/goldens/vit.py            # small ones
    python tooling/goldens/vit.py full       # full-size ones too
"""

import sys

import torch
from torch import nn

from common import ROOT, calibrate, fill_model, image, nchw, write, write_model
from resnet import BasicBlock, NarrowResNet  # makes torchvision importable, which timm wants

import timm  # isort: skip
from timm.models.vision_transformer import VisionTransformer  # isort: skip

FOLDER = ROOT / "packages/vit/src/__goldens__"


class Cut(NarrowResNet):
    """torchvision's ResNet up to and with its third stage."""

    def __init__(self, block, layers, width: int):
        super().__init__(block, layers, width, 1)
        del self.layer4, self.fc, self.avgpool

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer3(self.layer2(self.layer1(x)))


class HybridEmbed(nn.Module):
    """The patches of timm's HybridEmbed, under its names, from any backbone that gives one map."""

    def __init__(self, backbone: nn.Module, channels: int, patch_size: int, dim: int, patches: int):
        super().__init__()
        self.backbone = backbone
        self.proj = nn.Conv2d(channels, dim, patch_size, patch_size)
        self.num_patches = patches

    def forward(self, x):
        return self.proj(self.backbone(x)).flatten(2).transpose(1, 2)


def small() -> None:
    sizes = dict(num_classes=5, embed_dim=24, depth=2, num_heads=3, mlp_ratio=4.0)
    model = VisionTransformer(img_size=(32, 24), patch_size=8, **sizes)
    for b in model.blocks:
        b.attn.fused_attn = False  # so that its attention map is a module's output
    fill_model(model, 1.0)
    write_model(FOLDER, "vit", model.double(), (2, 32, 24, 3), [1, 4], "vit.py", ("eval",))

    # 64 x 32 pixels, a map of 4 x 2 after the third stage, patches of 2 x 2 on it: 2 tokens and the class token.
    model = VisionTransformer(img_size=64, patch_size=16, **sizes)
    backbone = Cut(BasicBlock, (1, 1, 1), 4)
    model.patch_embed = HybridEmbed(backbone, 16, 2, 24, 2)
    model.pos_embed = nn.Parameter(torch.zeros(1, 3, 24))
    for b in model.blocks:
        b.attn.fused_attn = False
    fill_model(model, 1.0)
    fill_model(backbone, 2**0.5)
    model = model.double()
    calibrate(model, nchw(image("hybrid.calibration", (8, 64, 32, 3))).double())
    write_model(FOLDER, "hybrid", model, (2, 64, 32, 3), [0, 3], "vit.py", ("eval", "train"))


def full() -> None:
    for name in ("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224"):
        model = timm.create_model(name)
        fill_model(model, 1.0)
        x = nchw(image("full", (1, 224, 224, 3)))
        model.eval()
        with torch.no_grad():
            single = model(x)
            logits = model.double()(x.double())
        error = ((single - logits).abs().max() / logits.abs().max()).item()
        print(f"{name}: logits up to {logits.abs().max():.3f}, torch's own fp32 is off by {error:.1e} of that")
        write(FOLDER / f"full-{name}.safetensors", {"logits": logits}, "vit.py", torch_fp32_error=f"{error:.2e}")

    from safetensors.torch import load_file

    repository = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    file = ROOT.parent / "shared/hub" / repository / "model.safetensors"
    if file.exists():
        model = timm.create_model("vit_tiny_patch16_224").eval()
        model.load_state_dict(load_file(file))
        with torch.no_grad():
            logits = model.double()(nchw(image("real", (1, 224, 224, 3))).double())
        write(FOLDER / "real-vit_tiny_patch16_224.safetensors", {"logits": logits}, "vit.py", weights=repository)


if __name__ == "__main__":
    small()
    if "full" in sys.argv[1:]:
        full()
