"""Goldens of @vitrail/train's metrics: scikit-learn's on made-up answers, Guo et al.'s calibration error, torch's temperature.

    python tooling/goldens/metrics.py
"""

import json

import numpy as np
import sklearn
import torch
import torch.nn.functional as F
from sklearn import metrics as skm

from common import ROOT, SEED, uniform

FOLDER = ROOT / "packages/train/src/__goldens__"
N, K = 60, 7


def answers(name: str, certainty: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits [N, K] in float32 and labels [N] of a classifier that is right now and then. Class 6 never occurs."""
    labels = np.floor(uniform(f"{name} labels", N) * (K - 1)).astype(int)
    logits = uniform(f"{name} logits", N * K).reshape(N, K) * 4 - 2
    logits[np.arange(N), labels] += 1.5 * uniform(f"{name} skill", N)
    return (logits * certainty).astype(np.float32), labels


def calibration(confidences: np.ndarray, right: np.ndarray, bins: int) -> dict:
    """As https://github.com/gpleiss/temperature_scaling does it: bins (lower, upper]."""
    edges = np.linspace(0, 1, bins + 1)
    gaps, counts = [], []
    for lower, upper in zip(edges[:-1], edges[1:]):
        inside = (confidences > lower) & (confidences <= upper)
        counts.append(int(inside.sum()))
        gaps.append(abs(right[inside].mean() - confidences[inside].mean()) if inside.any() else 0.0)
    return {"ece": float(np.dot(gaps, counts) / len(right)), "mce": float(max(gaps)), "counts": counts}


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The least cross-entropy over log T, in float64."""
    x, y = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [log_t], max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure():
        search.zero_grad()
        loss = F.cross_entropy(x / log_t.exp(), y)
        loss.backward()
        return loss

    search.step(closure)
    return log_t.exp().item()


def case(name: str, certainty: float) -> dict:
    logits, labels = answers(name, certainty)
    x = torch.from_numpy(logits).double()
    probabilities = x.softmax(1).numpy()
    predicted = probabilities.argmax(1)
    every = list(range(K))
    precision, recall, f1, support = skm.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=0
    )
    macro = skm.precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
    best = temperature(logits, labels)
    confidences = probabilities.max(1)
    right = predicted == labels
    return {
        "logits": logits.ravel().tolist(),
        "labels": labels.tolist(),
        "loss": skm.log_loss(labels, probabilities, labels=every),
        "top": {k: skm.top_k_accuracy_score(labels, probabilities, k=k, labels=every) for k in (1, 2, 3, 5)},
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "macro": list(macro[:3]),
        "balanced": skm.balanced_accuracy_score(labels, predicted),
        "confusion": skm.confusion_matrix(labels, predicted, labels=every).ravel().tolist(),
        "calibration": {bins: calibration(confidences, right, bins) for bins in (5, 15)},
        "temperature": best,
        "scaled_loss": F.cross_entropy(x / best, torch.from_numpy(labels)).item(),
        # Do the right answers have the higher probabilities? Rounded, so that there are ties.
        "scores": np.round(confidences, 2).tolist(),
        "auroc": skm.roc_auc_score(right, np.round(confidences, 2)),
        "fpr95": fpr95(right, np.round(confidences, 2)),
    }


def fpr95(positive: np.ndarray, scores: np.ndarray) -> float:
    fpr, tpr, _ = skm.roc_curve(positive, scores, drop_intermediate=False)
    return float(fpr[np.argmax(tpr >= 0.95)])


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
    about = {
        "generator": "tooling/goldens/metrics.py",
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "seed": SEED,
    }
    cases = {name: case(name, certainty) for name, certainty in {"timid": 0.4, "bold": 4.0}.items()}
    rows = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in (about | cases).items()]
    path = FOLDER / "metrics.json"
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
