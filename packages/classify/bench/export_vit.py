"""A ViT of timm with given weights as ONNX, named as Transformers.js wants it: python export_vit.py NAME WEIGHTS OUT"""

import sys

import torch

original = torch.library.register_fake
torch.library.register_fake = lambda op, *a, **k: (
    (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else original(op, *a, **k)
)
import timm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

name, weights, out = sys.argv[1:]
model = timm.create_model(name).eval()
model.load_state_dict(load_file(weights))
axes = {"pixel_values": {0: "N"}, "logits": {0: "N"}}
names = {"input_names": ["pixel_values"], "output_names": ["logits"]}
torch.onnx.export(model, (torch.randn(2, 3, 224, 224),), out, **names, dynamic_axes=axes, opset_version=20, dynamo=False)
