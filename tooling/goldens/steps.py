"""Goldens of @vitrail/jit's compiled training step: ten steps of each small network, each from a state of its own that both
sides fill by name (`fill("<step>.<parameter>")`, running statistics at torch's defaults).

    python tooling/goldens/steps.py

Of each gradient the file keeps its norm and 24 values evenly spaced; everything is computed in float64.
"""

import math

import torch
import torch.nn.functional as F

from common import ROOT, fill, image, nchw, write
from resnet import BasicBlock, Bottleneck, NarrowCifarResNet, NarrowResNet
from vit import Cut, HybridEmbed

from timm.models.vision_transformer import VisionTransformer  # isort: skip

FOLDER = ROOT / "packages/jit/src/__goldens__"
STEPS, BATCH, KEPT = 10, 4, 24


def hybrid() -> torch.nn.Module:
    model = VisionTransformer(img_size=64, patch_size=16, num_classes=5, embed_dim=24, depth=2, num_heads=3)
    model.patch_embed = HybridEmbed(Cut(BasicBlock, (1, 1, 1), 4), 16, 2, 24, 2)
    model.pos_embed = torch.nn.Parameter(torch.zeros(1, 3, 24))
    return model


NETWORKS = {
    "basic": (NarrowResNet(BasicBlock, (2, 1, 1, 1), 4, 5), (48, 40), 5),
    "bottleneck": (NarrowResNet(Bottleneck, (1, 2, 1, 1), 3, 5), (48, 40), 5),
    "cifar": (NarrowCifarResNet(2, 4, 10), (16, 16), 10),
    "vit": (VisionTransformer(img_size=(32, 24), patch_size=8, num_classes=5, embed_dim=24, depth=2, num_heads=3), (32, 24), 5),
    "hybrid": (hybrid(), (64, 32), 5),
}


def step(model: torch.nn.Module, number: int, x: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype):
    """Loss, gradients and new running statistics of step `number`."""
    model.to(dtype).train()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(fill(f"{number}.{name}", tuple(parameter.shape), 1.0))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
    model.zero_grad()
    loss = F.cross_entropy(model(x.to(dtype)), labels)
    loss.backward()
    gradients = {name: p.grad.detach().double().reshape(-1).clone() for name, p in model.named_parameters()}
    statistics = {name: v.clone() for name, v in model.state_dict().items() if "running_" in name}
    return loss.detach(), gradients, statistics


def main() -> None:
    for name, (model, (height, width), classes) in NETWORKS.items():
        rows, images, worst = [], [], 0.0
        for number in range(STEPS):
            labels = torch.tensor([(number + k * 3) % classes for k in range(BATCH)])
            # Statistics over a handful of values can be so ill-conditioned that fp32 resolves no gradient to 1e-4, torch's
            # no more than ours: the first image where torch's can.
            for i in range(100):
                source = f"{name}.step.{number}.{i}"
                x = nchw(image(source, (BATCH, height, width, 3)))
                loss, gradients, statistics = step(model, number, x, labels, torch.float64)
                _, single, _ = step(model, number, x, labels, torch.float32)
                floor = 1e-4 * math.sqrt(sum(g.norm().item() ** 2 for g in gradients.values()))
                error = max(((single[k] - g).norm() / max(g.norm().item(), floor)).item() for k, g in gradients.items())
                if error < 2e-5:
                    break
            worst = max(worst, error)
            images.append(source)
            row = {"loss": loss.reshape(1), "labels": labels.int()} | statistics
            for key, g in gradients.items():
                kept = min(KEPT, g.numel())
                row[f"norm.{key}"] = g.norm().reshape(1)
                row[f"grad.{key}"] = g[torch.arange(kept) * g.numel() // kept]
            rows.append(row)
        out = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        info = dict(images=images, shape=[BATCH, height, width, 3], torch_fp32_error=f"{worst:.1e}")
        write(FOLDER / f"{name}.steps.safetensors", out, "steps.py", **info)


if __name__ == "__main__":
    main()
