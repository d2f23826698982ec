"""A forward pass in PyTorch eager, for forward.bench.mjs: a line "layout" on stdin is a run, its milliseconds a line on stdout.

    python torch_eager.py NAME BATCH THREADS eager|compile     layouts: nchw, nhwc (channels last)
"""

import sys
import time

import torch

original = torch.library.register_fake
torch.library.register_fake = lambda op, *a, **k: (
    (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else original(op, *a, **k)
)
import timm  # noqa: E402

name, batch, threads, mode = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.manual_seed(0)
models = {
    "nchw": timm.create_model(name).eval(),
    "nhwc": timm.create_model(name).eval().to(memory_format=torch.channels_last),
}
inputs = {"nchw": torch.randn(int(batch), 3, 224, 224)}
inputs["nhwc"] = inputs["nchw"].to(memory_format=torch.channels_last)
if mode == "compile":
    models = {layout: torch.compile(model) for layout, model in models.items()}
print(torch.__version__, flush=True)
with torch.inference_mode():
    for line in sys.stdin:
        layout = line.strip()
        begin = time.perf_counter()
        models[layout](inputs[layout])
        print((time.perf_counter() - begin) * 1000, flush=True)
