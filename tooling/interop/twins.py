"""Networks of the packaged weights in PyTorch, from their papers and timm: nothing of them is taken from this project but names.

A twin is built from what config.json says: `architecture`, `num_classes`, `model_args` (by timm's names).
"""
import functools
import re

import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut of option A: every second pixel, the new channels zero."""

    def __init__(self, cin, cout, stride, shortcuts):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.stride, self.extra, self.shortcuts = stride, cout - cin, shortcuts

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if not self.shortcuts:
            return F.relu(y)
        x = x[:, :, :: self.stride, :: self.stride]
        return F.relu(y + F.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2)))


class CifarResNet(nn.Module):
    """https://arxiv.org/abs/1512.03385, section 4.2: 6n + 2 layers, n blocks each of width, 2 width and 4 width channels.

    With `num_classes` 0 it is the map before pooling: what a hybrid cuts its patches from.
    """

    def __init__(self, blocks, width=16, num_classes=10, shortcuts=True):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage, cout in enumerate((width, 2 * width, 4 * width)):
            cins = [cout // 2 if stage else cout] + [cout] * (blocks - 1)
            layer = [BasicBlock(cin, cout, 2 if stage and b == 0 else 1, shortcuts) for b, cin in enumerate(cins)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(4 * width, num_classes) if num_classes else None

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return x if self.fc is None else self.fc(x.mean((2, 3)))


def timm():
    """timm without the ops of torchvision, which other builds of torch lack."""
    real = torch.library.register_fake
    passed = lambda f: f  # noqa: E731
    torch.library.register_fake = (
        lambda n, *a, **k: passed if isinstance(n, str) and n.startswith("torchvision::") else real(n, *a, **k)
    )
    import timm as module

    torch.library.register_fake = real
    return module


def mini_hybrid(num_classes, **args):
    """vit_mini_r20_s4_32: timm's HybridEmbed over the map of ResNet-20, 64 tokens, 4 blocks of 128."""
    timm()
    from timm.models.vision_transformer import VisionTransformer
    from timm.models.vision_transformer_hybrid import HybridEmbed

    sizes = dict(img_size=32, patch_size=1, embed_dim=128, depth=4, num_heads=4, mlp_ratio=2, global_pool="avg")
    embed = functools.partial(HybridEmbed, backbone=CifarResNet(3, num_classes=0))
    return VisionTransformer(num_classes=num_classes, embed_layer=embed, **{**sizes, **args})


def twin_of(config):
    name, classes, args = config["architecture"], config["num_classes"], dict(config.get("model_args") or {})
    cifar = re.fullmatch(r"(resnet|plain)(\d+)_cifar", name)
    if cifar:
        sizes = {"blocks": (int(cifar[2]) - 2) // 6, "shortcuts": cifar[1] == "resnet", **args}
        return CifarResNet(num_classes=classes, **sizes)
    if name == "vit_mini_r20_s4_32":
        return mini_hybrid(classes, **args)
    return timm().create_model(name, pretrained=False, num_classes=classes, **args)
