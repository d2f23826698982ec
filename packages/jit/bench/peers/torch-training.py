"""A process of training.bench.mjs: torch's eager training steps, one for each line on stdin.

python torch-training.py MODEL BATCH THREADS nchw|channels_last
"""

import json
import resource
import sys
import time

import torch

original = torch.library.register_fake
torch.library.register_fake = lambda op, *a, **k: (
    (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else original(op, *a, **k)
)
import timm  # noqa: E402

name, batch, threads, layout = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
torch.manual_seed(0)
model = timm.create_model(name).train()
x = torch.randn(batch, 3, 224, 224)
if layout == "channels_last":
    model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
labels = torch.randint(0, 1000, (batch,))
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
print(json.dumps({"torch": torch.__version__}), flush=True)
for _ in sys.stdin:
    begin = time.perf_counter()
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
    found = loss.item()
    taken = 1000 * (time.perf_counter() - begin)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"milliseconds": taken, "loss": found, "rss": rss}), flush=True)
