"""Goldens of @vitrail/resnet: torchvision's ResNet with few channels, the CIFAR ResNet of our own reference trainer, and
the logits of the full-size networks.

    python tooling/goldens/resnet.py            # small ones
    python tooling/goldens/resnet.py full       # full-size ones too (minutes)
"""

import sys

import torch
from torch import nn

from common import ROOT, calibrate, fill_model, image, import_torchvision, nchw, write, write_model

FOLDER = ROOT / "packages/resnet/src/__goldens__"
tv = import_torchvision()
sys.path.insert(0, str(ROOT / "tooling/reference/cifar10"))
from train import BasicBlock as CifarBlock  # noqa: E402
from train import CifarResNet  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet  # noqa: E402


class NarrowResNet(ResNet):
    """torchvision's blocks, stages and forward, with `width` channels in place of 64."""

    def __init__(self, block, layers, width: int, num_classes: int):
        nn.Module.__init__(self)
        self._norm_layer = nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = width, 1, 1, 64
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=False)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for s in range(4):
            layer = self._make_layer(block, width * 2**s, layers[s] if s < len(layers) else 1, 1 if s == 0 else 2)
            setattr(self, f"layer{s + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False


class PlainBlock(CifarBlock):
    """The reference trainer's block without its shortcut."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)))


class NarrowCifarResNet(CifarResNet):
    """The reference trainer's network with `width` channels in place of 16."""

    def __init__(self, n: int, width: int, classes: int, block: type[CifarBlock] = CifarBlock):
        nn.Module.__init__(self)
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        cin = width
        for s, cout in enumerate((width, 2 * width, 4 * width)):
            blocks = [block(cin if b == 0 else cout, cout, 2 if s > 0 and b == 0 else 1) for b in range(n)]
            cin = cout
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(4 * width, classes)


def small() -> None:
    for name, block, layers, width in (("basic", BasicBlock, (2, 1, 1, 1), 4), ("bottleneck", Bottleneck, (1, 2, 1, 1), 3)):
        model = NarrowResNet(block, layers, width, 5)
        fill_model(model, 2**0.5)
        model = model.double()
        calibrate(model, nchw(image(f"resnet.{name}.calibration", (8, 48, 40, 3))).double())
        write_model(FOLDER, name, model, (2, 48, 40, 3), [1, 4], "resnet.py", ("eval", "train"))

    for name, block, n in (("cifar", CifarBlock, 2), ("plain", PlainBlock, 1)):
        model = NarrowCifarResNet(n, 4, 10, block)
        fill_model(model, 2**0.5)
        model = model.double()
        calibrate(model, nchw(image(f"resnet.{name}.calibration", (8, 16, 16, 3))).double())
        write_model(FOLDER, name, model, (2, 16, 16, 3), [3, 8], "resnet.py", ("eval", "train"))


def full() -> None:
    for depth in (18, 34, 50, 101, 152):
        model = getattr(tv.models, f"resnet{depth}")()
        fill_model(model, 2**0.5)
        model = model.double()
        statistics = calibrate(model, nchw(image("full.calibration", (2, 224, 224, 3))).double(), quantise=True)
        x = nchw(image("full", (1, 224, 224, 3)))
        with torch.no_grad():
            logits = model(x.double())
            single = model.float()(x)
        error = ((single - logits).abs().max() / logits.abs().max()).item()
        print(f"resnet{depth}: logits up to {logits.abs().max():.3f}, torch's own fp32 is off by {error:.1e} of that")
        write(FOLDER / f"full-{depth}.safetensors", {"logits": logits} | statistics, "resnet.py", torch_fp32_error=f"{error:.2e}")


if __name__ == "__main__":
    small()
    if "full" in sys.argv[1:]:
        full()
