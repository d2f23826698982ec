"""log.jsonl as curve.svg: python curve.py, with matplotlib."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "vitrail"
import matplotlib.pyplot as plt  # noqa: E402

here = Path(__file__).parent
rows = [json.loads(row) for row in (here / "log.jsonl").read_text().splitlines()]
figure, axis = plt.subplots(figsize=(7, 4))
for key, label in (("train_top1", "training, augmented"), ("held_out_top1", "held out"), ("test_top1", "test")):
    axis.plot([row["epoch"] for row in rows], [100 * row[key] for row in rows], label=label)
axis.set(xlabel="epoch", ylabel="top-1 (%)", title="ResNet-20 on CIFAR-10 (JPEG-compressed)")
axis.legend(), axis.grid(alpha=0.3)
figure.savefig(here / "curve.svg", metadata={"Date": None})
