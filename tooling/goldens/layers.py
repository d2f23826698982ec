"""Goldens of @vitrail/layers: torch's layers in float64 with their gradients, and the statistics of torch's and timm's
initialisers.

    python tooling/goldens/layers.py
"""

import torch
from torch import nn

from common import ROOT, fill, image, nchw, write

FOLDER = ROOT / "packages/layers/src/__goldens__"


def run(name: str, layer: nn.Module, x: torch.Tensor, training: bool, out: dict, nhwc=True) -> None:
    """Input, output and every gradient of sum(output * weights), under the case's name."""
    layer = layer.double().train(training)
    x = x.double().requires_grad_()
    y = layer(x)
    weights = torch.from_numpy(fill(f"{name}.dy", (y.numel(),), 1).numpy()).double().reshape(y.shape)
    back = (lambda t: t.permute(0, 2, 3, 1)) if nhwc else (lambda t: t)
    for key, value in layer.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            out[f"{name}.{'update' if training and 'running' in key else 'param'}.{key}"] = value.clone()
    (y * weights).sum().backward()
    out |= {f"{name}.x": back(x.detach()), f"{name}.y": back(y.detach()), f"{name}.dy": back(weights), f"{name}.dx": back(x.grad)}
    for key, parameter in layer.named_parameters():
        out[f"{name}.grad.{key}"] = parameter.grad


def main() -> None:
    out = {}
    convolutions = {
        "conv": dict(out_channels=5, kernel_size=3),
        "conv.stride": dict(out_channels=4, kernel_size=3, stride=2, padding=1),
        "conv.stem": dict(out_channels=2, kernel_size=7, stride=2, padding=3, bias=False),
        "conv.point": dict(out_channels=3, kernel_size=1, stride=2),
        "conv.groups": dict(out_channels=4, kernel_size=3, padding=1, groups=2),
        "conv.depthwise": dict(out_channels=6, kernel_size=3, padding=1, stride=2, groups=6),
        "conv.multiplier": dict(out_channels=12, kernel_size=3, padding=1, groups=6),
        "conv.dilated": dict(out_channels=3, kernel_size=3, padding=2, dilation=2),
    }
    for name, options in convolutions.items():
        layer = nn.Conv2d(6, **options)
        with torch.no_grad():
            for key, p in layer.named_parameters():
                p.copy_(fill(f"{name}.{key}", tuple(p.shape), 1))
        run(name, layer, nchw(image(name, (2, 7, 6, 6))), False, out)

    def filled(name, layer):
        with torch.no_grad():
            for key, p in layer.named_parameters():
                p.copy_(fill(f"{name}.{key}", tuple(p.shape), 1))
            if hasattr(layer, "running_mean"):
                layer.running_mean.copy_(fill(f"{name}.running_mean.bias", tuple(layer.running_mean.shape), 1))
                layer.running_var.copy_(fill(f"{name}.running_var.weight", tuple(layer.running_var.shape), 1))
        return layer

    # Both start from the same statistics; the training case stores what they become.
    run("batchnorm.eval", filled("batchnorm", nn.BatchNorm2d(4)), nchw(image("batchnorm", (3, 4, 5, 4))), False, out)
    run("batchnorm.train", filled("batchnorm", nn.BatchNorm2d(4)), nchw(image("batchnorm", (3, 4, 5, 4))), True, out)
    run("groupnorm", filled("groupnorm", nn.GroupNorm(3, 6)), nchw(image("groupnorm", (2, 4, 5, 6))), False, out)
    run("layernorm", filled("layernorm", nn.LayerNorm(8, eps=1e-6)), image("layernorm", (2, 3, 8, 1))[..., 0], False, out, False)
    run("linear", filled("linear", nn.Linear(6, 4)), image("linear", (2, 3, 6, 1))[..., 0], False, out, False)
    # Inputs below zero at the border: padding with 0 would win there.
    run("maxpool", nn.MaxPool2d(3, 2, 1), nchw(image("maxpool", (2, 6, 7, 3))) - 3, False, out)
    run("avgpool", nn.AvgPool2d(3, 2, 1), nchw(image("avgpool", (2, 6, 7, 3))), False, out)
    write(FOLDER / "layers.safetensors", out, "layers.py")


if __name__ == "__main__":
    main()
