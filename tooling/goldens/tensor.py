"""Goldens of the composite ops of @vitrail/tensor: values and gradients by torch, in float64 on float32 inputs.

    python tooling/goldens/tensor.py

writes packages/tensor/src/__goldens__/composites.json.
"""

import json

import torch
import torch.nn.functional as F

from common import ROOT, SEED


def stored(t: torch.Tensor) -> dict:
    """Shape and values; eight significant digits are more than float32 has."""
    return {"shape": list(t.shape), "data": [float(f"{v:.8g}") for v in t.detach().double().flatten().tolist()]}


def case(name, f, inputs, dy, options=None):
    leaves = {k: v.double().requires_grad_() for k, v in inputs.items()}
    out = f(**leaves)
    grads = torch.autograd.grad(out, list(leaves.values()), dy.double())
    return {
        "name": name,
        "options": options or {},
        "inputs": {k: stored(v) for k, v in inputs.items()},
        "dy": stored(dy),
        "out": stored(out),
        "grads": {k: stored(g) for k, g in zip(leaves, grads)},
    }


def rms_norm(x, gamma):
    return F.rms_norm(x, (x.shape[-1],), gamma, 1e-6)


def main():
    g = torch.Generator().manual_seed(SEED)
    randn = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    # From far in one tail to far in the other, and zero itself.
    line = torch.cat([torch.linspace(-9, 9, 61), torch.tensor([0.0, -30.0, 30.0, 1e-7, -1e-7])])
    cases = [
        case("gelu", lambda x: F.gelu(x), {"x": line}, randn(66)),
        case("geluTanh", lambda x: F.gelu(x, approximate="tanh"), {"x": line}, randn(66)),
        case("quickGelu", lambda x: x * torch.sigmoid(1.702 * x), {"x": line}, randn(66)),
    ]
    for eps in (1e-5, 1e-6):
        inputs = {"x": randn(2, 3, 12) * 2 + 1, "gamma": randn(12), "beta": randn(12)}
        f = lambda x, gamma, beta, eps=eps: F.layer_norm(x, (12,), gamma, beta, eps)  # noqa: E731
        cases.append(case("layerNorm", f, inputs, randn(2, 3, 12), {"eps": eps}))
    cases.append(case("rmsNorm", rms_norm, {"x": randn(4, 6), "gamma": randn(6)}, randn(4, 6), {"eps": 1e-6}))
    q, k, v = randn(2, 3, 5, 8), randn(2, 3, 7, 8), randn(2, 3, 7, 6)
    attention = F.scaled_dot_product_attention
    cases.append(case("attention", lambda q, k, v: attention(q, k, v), {"q": q, "k": k, "v": v}, randn(2, 3, 5, 6)))
    cases.append(
        case(
            "attention",
            lambda q, k, v: attention(q, k, v, scale=0.5),
            {"q": q, "k": k, "v": v},
            randn(2, 3, 5, 6),
            {"scale": 0.5},
        )
    )
    # A mask that broadcasts over batch and heads, with its own gradient, as a relative position bias has.
    cases.append(
        case(
            "attention",
            lambda q, k, v, mask: attention(q, k, v, attn_mask=mask.expand(2, 3, 5, 7)),
            {"q": q, "k": k, "v": v, "mask": randn(1, 3, 5, 7)},
            randn(2, 3, 5, 6),
        )
    )
    path = ROOT / "packages/tensor/src/__goldens__/composites.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    note = f"tooling/goldens/tensor.py, seed {SEED}, torch {torch.__version__.split('+')[0]}"
    path.write_text(json.dumps({"generator": note, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
