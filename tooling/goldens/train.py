"""Goldens of @vitrail/train: torch's losses with their gradients, and five steps of its optimisers on given gradients.

    python tooling/goldens/train.py
"""

import json

import torch
import torch.nn.functional as F

from common import ROOT, uniform, write

FOLDER = ROOT / "packages/train/src/__goldens__"


def filled(name: str, *shape: int) -> torch.Tensor:
    values = torch.from_numpy(uniform(name, torch.Size(shape).numel()))
    return (values * 4 - 2).float().reshape(shape)


def losses() -> None:
    logits = filled("logits", 6, 5)
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    soft = filled("soft", 6, 5).softmax(1)
    weight = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])
    cases = {
        "hard": (labels, {}),
        "hard-smoothed": (labels, {"label_smoothing": 0.1}),
        "hard-weighted": (labels, {"weight": weight}),
        "hard-weighted-smoothed": (labels, {"weight": weight, "label_smoothing": 0.2}),
        "soft": (soft, {}),
        "soft-smoothed": (soft, {"label_smoothing": 0.1}),
        "soft-weighted": (soft, {"weight": weight}),
    }
    out = {"logits": logits, "labels": labels.int(), "soft": soft, "weight": weight}
    for name, (target, options) in cases.items():
        x = logits.double().requires_grad_()
        given = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
        loss = F.cross_entropy(x, target.double() if target.is_floating_point() else target, **given)
        loss.backward()
        out |= {f"{name}.loss": loss.detach(), f"{name}.grad": x.grad}
    write(FOLDER / "losses.safetensors", out, "train.py")


def optimizers() -> None:
    cases = {
        "adamw": (torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 0.1}),
        "adamw-betas": (torch.optim.AdamW, {"lr": 3e-3, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.0}),
        "sgd": (torch.optim.SGD, {"lr": 0.1}),
        "sgd-momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        "sgd-nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
        "sgd-dampening": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    }
    rates = [1.0, 1.0, 0.5, 0.25, 0.1]
    start = filled("parameter", 4, 3)
    out = {"start": start}
    for i in range(len(rates)):
        out[f"grad.{i}"] = filled(f"gradient {i}", 4, 3) * 0.1
    for name, (kind, options) in cases.items():
        p = start.clone().requires_grad_()
        optimizer = kind([p], **options, foreach=False)
        for i, rate in enumerate(rates):
            for group in optimizer.param_groups:
                group["lr"] = options["lr"] * rate
            p.grad = out[f"grad.{i}"].clone()
            optimizer.step()
            out[f"{name}.{i}"] = p.detach().clone()
    settings = {name: options for name, (_, options) in cases.items()}
    write(FOLDER / "optimizers.safetensors", out, "train.py", settings=json.dumps(settings), rates=json.dumps(rates))


if __name__ == "__main__":
    losses()
    optimizers()
