"""Goldens of @vitrail/train: torch's and timm's losses with their gradients, steps of their optimisers on given gradients,
weight averages, groups of parameters, and learning rates of every update.

    python tooling/goldens/train.py
"""

import json

import torch
import torch.nn.functional as F

from common import ROOT, import_torchvision, uniform, write

import_torchvision()  # first: timm imports it too
import timm
from timm.loss import BinaryCrossEntropy
from timm.scheduler import create_scheduler_v2
from timm.optim import Lamb, Lion, param_groups_layer_decay, param_groups_weight_decay
from timm.utils import ModelEmaV3

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


def binary_losses() -> None:
    logits = filled("binary logits", 6, 5)
    logits[0, :2] = 0  # a new head's answer: the slope there must be right too
    logits[5] *= 20
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    mixed = filled("mixed", 6, 5).softmax(1)
    weight = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])
    pos_weight = torch.tensor([3.0, 1.0, 0.5, 2.0, 1.0])
    cases = {
        "hard": (labels, {"smoothing": 0.0}),
        "hard-smoothed": (labels, {"smoothing": 0.1}),
        "hard-smoothed-sum": (labels, {"smoothing": 0.1, "sum_classes": True}),
        "mixed": (mixed, {"smoothing": 0.1}),
        "mixed-threshold": (mixed, {"target_threshold": 0.2}),
        "mixed-weighted": (mixed, {"weight": weight, "pos_weight": pos_weight}),
        "hard-weighted-sum": (labels, {"smoothing": 0.1, "weight": weight, "pos_weight": pos_weight, "sum_classes": True}),
    }
    out = {"logits": logits, "labels": labels.int(), "mixed": mixed, "weight": weight, "pos_weight": pos_weight}
    for name, (target, options) in cases.items():
        x = logits.double().requires_grad_()
        given = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
        loss = BinaryCrossEntropy(**given)(x, target.double() if target.is_floating_point() else target)
        loss.backward()
        out |= {f"{name}.loss": loss.detach(), f"{name}.grad": x.grad}
    write(FOLDER / "binary-losses.safetensors", out, "train.py")


def distillation() -> None:
    """timm's LogitDistillationTask and DeiT's hard loss, on logits that stand for the two models."""
    student, teacher = filled("student", 6, 5), filled("teacher", 6, 5) * 2
    labels = torch.tensor([0, 4, 2, 2, 1, 3])

    def kl(x, t, temperature):
        a, b = F.log_softmax(x / temperature, dim=-1), F.log_softmax(t / temperature, dim=-1)
        return F.kl_div(a, b, reduction="batchmean", log_target=True) * temperature**2

    hard = lambda x, t: F.cross_entropy(x, t.argmax(1))
    task = lambda x: F.cross_entropy(x, labels)
    cases = {
        "soft": lambda x, t: kl(x, t, 1.0),
        "soft-4": lambda x, t: kl(x, t, 4.0),
        "hard": hard,
        "task-soft": lambda x, t: 0.3 * task(x) + 0.7 * kl(x, t, 4.0),
        "task-hard": lambda x, t: task(x) + 0.5 * hard(x, t),
    }
    out = {"student": student, "teacher": teacher, "labels": labels.int()}
    for name, f in cases.items():
        x = student.double().requires_grad_()
        loss = f(x, teacher.double())
        loss.backward()
        out |= {f"{name}.loss": loss.detach(), f"{name}.grad": x.grad}
    write(FOLDER / "distillation.safetensors", out, "train.py")


def optimizers() -> None:
    cases = {
        "adamw": (torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 0.1}),
        "adamw-betas": (torch.optim.AdamW, {"lr": 3e-3, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.0}),
        "sgd": (torch.optim.SGD, {"lr": 0.1}),
        "sgd-momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        "sgd-nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
        "sgd-dampening": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    }
    # Norms of all gradients are bounded by the step, not by the rule of one parameter: max_grad_norm=None.
    alone = {"max_grad_norm": None}
    cases |= {
        "lamb": (Lamb, {"lr": 1e-2, "weight_decay": 0.1} | alone),
        "lamb-no-decay": (Lamb, {"lr": 1e-2, "weight_decay": 0.0} | alone),
        "lamb-adapt-clip": (Lamb, {"lr": 1e-2, "weight_decay": 0.0, "always_adapt": True, "trust_clip": True} | alone),
        "lamb-plain": (
            Lamb,
            {"lr": 1e-2, "betas": (0.8, 0.95), "eps": 1e-4, "bias_correction": False, "grad_averaging": False} | alone,
        ),
        "lamb-decoupled": (Lamb, {"lr": 1e-2, "weight_decay": 0.2, "decoupled_decay": True, "caution": True} | alone),
        "lion": (Lion, {"lr": 1e-2, "weight_decay": 0.1}),
        "lion-betas": (Lion, {"lr": 3e-3, "betas": (0.95, 0.98), "caution": True}),
    }
    rates = [1.0, 1.0, 0.5, 0.25, 0.1]
    start = filled("parameter", 4, 3)
    out = {"start": start}
    for i in range(len(rates)):
        out[f"grad.{i}"] = filled(f"gradient {i}", 4, 3) * 0.1
    for name, (kind, options) in cases.items():
        p = start.clone().requires_grad_()
        optimizer = kind([p], **options, **({} if kind is Lamb else {"foreach": False}))
        for i, rate in enumerate(rates):
            for group in optimizer.param_groups:
                group["lr"] = options["lr"] * rate
            p.grad = out[f"grad.{i}"].clone()
            optimizer.step()
            out[f"{name}.{i}"] = p.detach().clone()
    settings = {name: options for name, (_, options) in cases.items()}
    write(FOLDER / "optimizers.safetensors", out, "train.py", settings=json.dumps(settings), rates=json.dumps(rates))


class Weights(torch.nn.Module):
    """One parameter and one buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(filled("average 0", 4, 3))
        self.register_buffer("running", filled("running 0", 3))


def averages() -> None:
    """ModelEmaV3 over ten updates of a model, as timm's train.py calls it: with the number of the update."""
    cases = {
        "plain": {"decay": 0.9},
        "warmup": {"decay": 0.995, "use_warmup": True},
        "warmup-power": {"decay": 0.9, "use_warmup": True, "warmup_gamma": 2.0, "warmup_power": 0.75, "min_decay": 0.3},
        "late": {"decay": 0.9, "update_after_step": 3},
        "no-buffers": {"decay": 0.9, "exclude_buffers": True},
    }
    out, decays = {}, {}
    models = {name: Weights().double() for name in cases}
    kept = {name: ModelEmaV3(models[name], foreach=False, **options) for name, options in cases.items()}
    for step in range(1, 11):
        w, running = filled(f"average {step}", 4, 3), filled(f"running {step}", 3)
        out |= {f"w.{step}": w, f"running.{step}": running}
        for name, model in models.items():
            model.w.data.copy_(w)
            model.running.copy_(running)
            kept[name].update(model, step=step)
            decays.setdefault(name, []).append(kept[name].get_decay(step))
            state = kept[name].module.state_dict()
            out |= {f"{name}.w.{step}": state["w"].clone(), f"{name}.running.{step}": state["running"].clone()}
    write(FOLDER / "averages.safetensors", out, "train.py", decays=decays)


def groups() -> None:
    """What timm's two ways of grouping parameters say of a tiny ViT's and a ResNet's."""
    out = {}
    for key, model in {
        "vit": timm.create_model("vit_tiny_patch16_224", embed_dim=12, num_heads=3, depth=3, num_classes=4),
        "resnet": timm.create_model("test_resnet.r160_in1k", num_classes=4),
    }.items():
        spared = getattr(model, "no_weight_decay", set)()
        names = {id(p): name for name, p in model.named_parameters()}

        def listed(found):
            return {
                names[id(p)]: [g.get("lr_scale", 1.0), g["weight_decay"]] for g in found for p in g["params"]
            }

        layers = timm.models.group_parameters(model, model.group_matcher(coarse=False), reverse=True)
        out[key] = {
            "shapes": {name: list(p.shape) for name, p in model.named_parameters()},
            "layers": layers,
            "decay": listed(param_groups_weight_decay(model, 0.05, no_weight_decay_list=spared)),
            "patterns": listed(param_groups_weight_decay(model, 0.05, no_weight_decay_list=["*.proj.*", "layer1.?.conv1.*"])),
            "layer_decay": listed(param_groups_layer_decay(model, 0.05, spared, layer_decay=0.65)),
            "min_scale": listed(param_groups_layer_decay(model, 0.05, spared, layer_decay=0.5, min_scale=0.3)),
        }
    write_json("groups.json", out)


def schedules() -> None:
    """The rate of every epoch or update, as timm's train.py would set it before that epoch or update."""
    cosine = {"sched": "cosine", "num_epochs": 20, "min_lr": 1e-5, "warmup_epochs": 4, "warmup_lr": 1e-4}
    cases = {
        "cosine": cosine,
        "cosine-prefix": cosine | {"warmup_prefix": True, "cooldown_epochs": 3},
        "cosine-updates": cosine | {"num_epochs": 5, "warmup_epochs": 1, "step_on_epochs": False, "updates_per_epoch": 7},
        "cosine-cycles": cosine | {"num_epochs": 6, "cycle_limit": 3, "cycle_decay": 0.5, "warmup_epochs": 2},
        "cosine-longer": cosine | {"num_epochs": 4, "cycle_mul": 2.0, "cycle_limit": 3, "cycle_decay": 0.7, "k_decay": 1.5},
        "tanh": {"sched": "tanh", "num_epochs": 20, "min_lr": 1e-5, "warmup_epochs": 4},
        "tanh-prefix": {"sched": "tanh", "num_epochs": 8, "warmup_epochs": 3, "warmup_prefix": True, "cycle_limit": 2},
        "poly": {"sched": "poly", "num_epochs": 20, "decay_rate": 0.9, "min_lr": 1e-4, "warmup_epochs": 3},
        "poly-k": {"sched": "poly", "num_epochs": 20, "decay_rate": 1.0, "k_decay": 0.5},
        "step": {"sched": "step", "num_epochs": 20, "decay_epochs": 6, "decay_rate": 0.3, "warmup_epochs": 3},
        "step-prefix": {"sched": "step", "num_epochs": 12, "decay_epochs": 2.4, "warmup_epochs": 3, "warmup_prefix": True},
        "step-updates": {
            "sched": "step", "num_epochs": 4, "decay_epochs": 1, "warmup_epochs": 1, "step_on_epochs": False,
            "updates_per_epoch": 5,
        },
        "multistep": {"sched": "multistep", "num_epochs": 20, "decay_milestones": [5, 11, 12], "warmup_epochs": 2},
    }
    out = {}
    for name, options in cases.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.05)
        scheduler, epochs = create_scheduler_v2(optimizer, **options)
        by_epoch, updates = options.get("step_on_epochs", True), options.get("updates_per_epoch", 0)
        rates = [optimizer.param_groups[0]["lr"]]
        for t in range(1, epochs if by_epoch else epochs * updates):
            scheduler.step(t) if by_epoch else scheduler.step_update(t)
            rates.append(optimizer.param_groups[0]["lr"])
        out[name] = {"options": options, "epochs": epochs, "rates": rates}

    # A metric that rises, stalls, rises, falls: below, at and above the threshold of 1e-4.
    metrics = [10, 20, 20.001, 20.003, 19, 30, 30, 30, 30, 31, 31.002, 31, 5, 5, 5, 5, 5, 5, 5, 40, 1, 1, 1, 1]
    for name, options in {
        "plateau": {"patience_epochs": 2, "decay_rate": 0.5},
        "plateau-warmup": {"patience_epochs": 0, "decay_rate": 0.1, "warmup_epochs": 3, "min_lr": 1e-3},
        "plateau-min": {"patience_epochs": 1, "decay_rate": 0.3, "plateau_mode": "min"},
    }.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.05)
        options = {"sched": "plateau", "num_epochs": len(metrics)} | options
        scheduler, epochs = create_scheduler_v2(optimizer, **options)
        rates = [optimizer.param_groups[0]["lr"]]
        for epoch, metric in enumerate(metrics):
            scheduler.step(epoch + 1, metric)
            rates.append(optimizer.param_groups[0]["lr"])
        out[name] = {"options": options, "epochs": epochs, "rates": rates, "metrics": metrics}

    cooling = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.05)
    rule = torch.optim.lr_scheduler.ReduceLROnPlateau(cooling, "max", factor=0.5, patience=1, cooldown=2)
    rates = [0.05]
    for metric in metrics:
        rule.step(metric)
        rates.append(cooling.param_groups[0]["lr"])
    out["plateau-cooldown"] = {"rates": rates, "metrics": metrics}

    for name, options in {
        "onecycle": {},
        "onecycle-linear": {"pct_start": 0.2, "anneal_strategy": "linear", "div_factor": 10.0, "final_div_factor": 100.0},
        "onecycle-three": {"pct_start": 0.25, "three_phase": True},
    }.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.05)
        rule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=40, cycle_momentum=False, **options)
        rates = [optimizer.param_groups[0]["lr"]]
        for _ in range(39):
            optimizer.step()
            rule.step()
            rates.append(optimizer.param_groups[0]["lr"])
        out[name] = {"options": options, "rates": rates}
    write_json("schedules.json", out)


def write_json(name: str, cases) -> None:
    """Numbers in double precision, one case a line."""
    about = {"generator": "tooling/goldens/train.py", "torch": torch.__version__, "timm": timm.__version__}
    rows = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in (about | cases).items()]
    path = FOLDER / name
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    losses()
    binary_losses()
    distillation()
    optimizers()
    averages()
    groups()
    schedules()
