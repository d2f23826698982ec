"""A reference run: ResNet-20 of "Deep Residual Learning for Image Recognition"
(https://arxiv.org/abs/1512.03385, section 4.2; shortcuts of option A) on CIFAR-10, in PyTorch.

    python train.py --data ../../../../shared/data/cifar10-jpeg --out runs/resnet20        # resumes by itself

Vitrail's own trainer is held against this script, so every choice that moves a number stands here:

* data      50,000 training images; the last HELD_OUT of a seeded shuffle are never trained on. The 10,000 test
            images are only ever measured.
* augment   zero padding of 4 pixels (black, before normalisation), a random 32 x 32 crop, a horizontal flip, as in the paper
* optimiser SGD, momentum 0.9, Nesterov, weight decay 5e-4 (not on BatchNorm's parameters and the bias of the head)
* schedule  one cycle: linear from MAX_LR / 10 to MAX_LR over WARM_UP of the steps, then linear to MAX_LR / 1000
* batch     128; the last, smaller batch of an epoch is dropped
* init      Kaiming normal, fan in, for the convolutions (the paper's "[13]"); PyTorch's default for the head

Each epoch draws its order, crops and flips from its own generator, seeded by (seed, epoch): a resumed run sees what an
uninterrupted one would have seen. State is saved after each epoch (write, then rename).
"""

import argparse
import io
import json
import math
import os
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

HELD_OUT = 1000
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
MAX_LR = 0.2
WARM_UP = 0.25
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
BATCH = 128


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut of option A: every second pixel, new channels zero."""

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.stride, self.extra = stride, cout - cin

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.stride != 1 or self.extra:
            half = self.extra // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.extra - half))
        return F.relu(x + y)


class CifarResNet(nn.Module):
    """6n + 2 layers: n blocks of 16, of 32 and of 64 channels. Names are torchvision's."""

    def __init__(self, n: int, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        cin = 16
        for s, width in enumerate((16, 32, 64)):
            blocks = []
            for b in range(n):
                blocks.append(BasicBlock(cin, width, 2 if s > 0 and b == 0 else 1))
                cin = width
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def read_shards(folder: Path, split: str):
    """WebDataset shards in name order -> uint8 [n, 3, 32, 32] and labels [n]."""
    pixels, labels = [], []
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                body = tar.extractfile(member).read()
                if member.name.endswith(".jpg"):
                    pixels.append(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))
                elif member.name.endswith(".cls"):
                    labels.append(int(body))
    assert len(pixels) == len(labels) > 0, f"{folder} holds no {split} shards"
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def splits(folder: Path, seed: int):
    """The training images, those held out of it, and the test images."""
    x, y = read_shards(folder, "train")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    train, held = order[:-HELD_OUT], order[-HELD_OUT:]
    return (x[train], y[train]), (x[held], y[held]), read_shards(folder, "test")


def normalise(x):
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def augment(x, g):
    """Zero padding of 4, a random crop, a flip of every second image on average. uint8 in, uint8 out."""
    n = len(x)
    padded = F.pad(x, (4, 4, 4, 4))
    top = torch.randint(0, 9, (n, 1), generator=g)
    left = torch.randint(0, 9, (n, 1), generator=g)
    flip = torch.rand(n, 1, generator=g) < 0.5
    ramp = torch.arange(32)
    rows = (top + ramp)[:, None, :, None]
    cols = torch.where(flip, 31 - ramp, ramp) + left
    return padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, cols[:, None, None, :]]


def learning_rate(step: int, steps: int) -> float:
    top = WARM_UP * steps
    if step < top:
        return MAX_LR * (0.1 + 0.9 * step / top)
    return MAX_LR * (1e-3 + (1 - 1e-3) * (steps - step) / (steps - top))


@torch.no_grad()
def logits_of(model, x, batch: int = 500):
    model.eval()
    return torch.cat([model(normalise(x[i : i + batch])) for i in range(0, len(x), batch)])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--data", type=Path, required=True)
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--depth", type=int, default=20)
    a.add_argument("--epochs", type=int, default=32)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    (x, y), held, test = splits(args.data, args.seed)
    torch.manual_seed(args.seed)
    model = CifarResNet((args.depth - 2) // 6).to(memory_format=torch.channels_last)
    decay = [p for p in model.parameters() if p.ndim > 1]
    spare = [p for p in model.parameters() if p.ndim == 1]
    optimiser = torch.optim.SGD(
        [{"params": decay, "weight_decay": WEIGHT_DECAY}, {"params": spare, "weight_decay": 0.0}],
        lr=MAX_LR, momentum=MOMENTUM, nesterov=True,
    )
    per_epoch = len(x) // BATCH
    steps = per_epoch * args.epochs
    state, log = args.out / "state.pt", args.out / "log.jsonl"
    start = 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        assert saved["epochs"] == args.epochs and saved["seed"] == args.seed, f"{state} belongs to another run"
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        start = saved["epoch"]
        print(f"resumed after epoch {start}", flush=True)
    for epoch in range(start, args.epochs):
        began, seen, loss_sum, hits = time.time(), 0, 0.0, 0
        g = torch.Generator().manual_seed((args.seed << 16) + epoch)
        order = torch.randperm(len(x), generator=g)
        model.train()
        for b in range(per_epoch):
            pick = order[b * BATCH : (b + 1) * BATCH]
            images, target = normalise(augment(x[pick], g)), y[pick]
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(epoch * per_epoch + b, steps)
            out = model(images)
            loss = F.cross_entropy(out, target)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            assert math.isfinite(loss.item()), f"loss {loss.item()} at epoch {epoch}, batch {b}"
            seen += len(pick)
            loss_sum += loss.item() * len(pick)
            hits += int((out.argmax(1) == target).sum())
        row = {
            "epoch": epoch + 1,
            "lr": round(learning_rate((epoch + 1) * per_epoch, steps), 6),
            "train_loss": round(loss_sum / seen, 4),
            "train_top1": round(hits / seen, 4),
            "held_out_top1": round(float((logits_of(model, held[0]).argmax(1) == held[1]).float().mean()), 4),
            "test_top1": round(float((logits_of(model, test[0]).argmax(1) == test[1]).float().mean()), 4),
            "seconds": round(time.time() - began, 1),
        }
        torch.save(
            {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch + 1, "epochs": args.epochs, "seed": args.seed},
            f"{state}.tmp",
        )
        os.replace(f"{state}.tmp", state)
        with log.open("a") as f:
            f.write(json.dumps(row) + "\n")
        print(row, flush=True)


if __name__ == "__main__":
    main()
