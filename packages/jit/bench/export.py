"""torch's own export of the benchmarked models: python export.py FOLDER NAME...  (timm, random weights)"""

import sys
from pathlib import Path

import torch

original = torch.library.register_fake
torch.library.register_fake = lambda op, *a, **k: (
    (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else original(op, *a, **k)
)
import timm  # noqa: E402

folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    path = folder / f"{name}.onnx"
    if path.exists():
        continue
    torch.manual_seed(0)
    # With zeros in each block's last BatchNorm torch would fold whole convolutions to zero, and share them.
    options = {"zero_init_last": False} if name.startswith("resnet") else {}
    model = timm.create_model(name, **options).eval()
    x = torch.randn(2, 3, 224, 224)
    axes = {"input": {0: "N"}, "output": {0: "N"}}
    torch.onnx.export(
        model, (x,), path, input_names=["input"], output_names=["output"], dynamic_axes=axes, opset_version=20, dynamo=False
    )
    print(name, path.stat().st_size)
