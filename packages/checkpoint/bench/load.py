"""The Python side of load.bench.mjs: python load.py make MODEL FOLDER | serve | peak FORMAT FILE

make: zip.pth and legacy.pth of the tensors of a safetensors file. serve: answers each line "FORMAT FILE" with the seconds
that loading and summing took, and the sum. peak: MiB of resident memory at most, once loaded and summed.
"""

import re
import sys
import time

import torch
from safetensors.torch import load_file


def load(kind: str, file: str) -> dict[str, torch.Tensor]:
    return load_file(file) if kind == "safetensors" else torch.load(file)


def total(tensors: dict[str, torch.Tensor]) -> int:
    """Every byte, four at a time, as the other side does it: the sum of 32-bit words, modulo 2^32."""
    return sum(int(t.view(torch.int32).sum(dtype=torch.int64)) for t in tensors.values()) & 0xFFFFFFFF


def peak() -> float:
    status = open("/proc/self/status").read() if sys.platform == "linux" else ""
    found = re.search(r"VmHWM:\s+(\d+)", status)
    if found:
        return int(found[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    command, *args = sys.argv[1:]
    if command == "make":
        tensors = {k: v.clone() for k, v in load_file(args[0]).items()}
        torch.save(tensors, f"{args[1]}/zip.pth")
        torch.save(tensors, f"{args[1]}/legacy.pth", _use_new_zipfile_serialization=False)
    elif command == "peak":
        if args:
            total(load(*args))
        print(peak())
    else:
        import safetensors

        print(torch.__version__, safetensors.__version__, torch.get_num_threads(), flush=True)
        for line in sys.stdin:
            kind, file = line.rstrip("\n").split(" ", 1)
            start = time.perf_counter()
            value = total(load(kind, file))
            print(time.perf_counter() - start, value, flush=True)
