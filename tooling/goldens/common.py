"""What every generator of goldens shares: a deterministic filler, calibration, recording, writing.

References run in float64 on weights that are exact in float32 and are stored as float32: what a test measures is then
Vitrail's own rounding, not torch's. Images are stored NHWC, as Vitrail takes them, and so are feature maps.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

SEED = 20
ROOT = Path(__file__).resolve().parents[2]


def import_torchvision():
    """torchvision without its compiled operators: a build for another torch still gives us its models."""
    original = torch.library.register_fake

    def register(op, *args, **kwargs):
        if isinstance(op, str) and op.startswith("torchvision::"):
            return lambda f: f
        return original(op, *args, **kwargs)

    torch.library.register_fake = register
    import torchvision

    return torchvision


def uniform(name: str, count: int) -> np.ndarray:
    """`count` numbers in [0, 1) that are multiples of 2^-24: a 32-bit mix of the name's CRC and the index.

    The same as `uniform` in tooling/testing/src/fill.ts, bit for bit.
    """
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(zlib.crc32(name.encode()))
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**24


def fill(name: str, shape, gain: float) -> torch.Tensor:
    """A parameter's values from its name alone; the same as `fill` in tooling/testing/src/fill.ts."""
    signed = uniform(name, math.prod(shape)) * 2 - 1
    if len(shape) == 1:
        values = 1 + 0.25 * signed if name.endswith("weight") else 0.1 * signed
        # The last norm of a bottleneck: trained networks keep residuals small too. At full strength 50 random blocks
        # turn torch's own fp32 error into 4e-4 of the logits, and there is nothing to compare with.
        if name.endswith("bn3.weight"):
            values = 0.3 * values
    elif len(shape) == 3:  # class token and position embeddings
        values = 0.5 * signed
    else:
        values = math.sqrt(3 * gain * gain / math.prod(shape[1:])) * signed
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fill_model(model: torch.nn.Module, gain: float) -> None:
    """Fills every parameter; running statistics keep torch's defaults until they are calibrated."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(fill(name, tuple(parameter.shape), gain))


def image(name: str, shape) -> torch.Tensor:
    """[B, H, W, 3] in [-2, 2), as after normalisation."""
    values = (uniform(name, math.prod(shape)) * 4 - 2).astype(np.float32)
    return torch.from_numpy(values.reshape(shape))


def nchw(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2).contiguous()


def ours(name: str, x: torch.Tensor) -> torch.Tensor:
    """Feature maps NHWC, all else (an attention's [B, H, N, N] too) as it is."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 and not name.endswith("attn_drop") else x


def sample(x: torch.Tensor, most: int = 300) -> torch.Tensor:
    """At most `most` values of a tensor, evenly spaced by a step that meets every channel: files stay small.

    The same as `sample` in tooling/testing/src/goldens.ts.
    """
    step = max(1, math.ceil(x.numel() / most))
    while math.gcd(step, x.shape[-1]) > 1:
        step += 1
    return x.reshape(-1)[::step].contiguous()


def calibrate(model: torch.nn.Module, x: torch.Tensor, quantise=False) -> dict[str, np.ndarray]:
    """Sets BatchNorm's running statistics to those of `x`, layer by layer in the order of the pass.

    Random weights with default statistics let activations explode with depth, and fp32 with them.
    With `quantise` the statistics take few bits: variance 2^(k/2), mean m/16 deviations, k and m int8.
    """
    stored = {}
    hooks = []

    def hook(name):
        def before(module, args):
            values = args[0].transpose(0, 1).flatten(1)
            mean, var = values.mean(1), values.var(1, unbiased=True).clamp_min(1e-6)
            if quantise:
                k = torch.round(2 * torch.log2(var)).clamp(-127, 127)
                var = torch.sqrt(torch.pow(torch.tensor(2.0, dtype=torch.float64), k))
                m = torch.round(16 * mean / torch.sqrt(var)).clamp(-127, 127)
                mean = m / 16 * torch.sqrt(var)
                stored[f"{name}.running_var"] = k.to(torch.int8).numpy()
                stored[f"{name}.running_mean"] = m.to(torch.int8).numpy()
            module.running_mean.copy_(mean.float())
            module.running_var.copy_(var.float())

        return before

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(hook(name)))
    model.eval()
    with torch.no_grad():
        model(x)
    for h in hooks:
        h.remove()
    return stored


def record(model: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor, training: bool) -> dict[str, torch.Tensor]:
    """Logits, loss, a sample of every module's output, every gradient, and (in training) the new running statistics."""
    model.train(training)
    model.zero_grad()
    taps, calls, hooks = {}, {}, []

    def hook(name):
        def after(_, __, output):
            calls[name] = calls.get(name, 0) + 1
            taps[f"tap.{name}"] = sample(ours(name, output.detach().clone()))

        return after

    for name, module in model.named_modules():
        if name:
            hooks.append(module.register_forward_hook(hook(name)))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    logits = model(x)
    for h in hooks:
        h.remove()
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    # A module that is called twice (a block's ReLU) has no one output.
    out = {k: v for k, v in taps.items() if calls[k[4:]] == 1}
    out |= {"logits": logits.detach(), "loss": loss.detach()}
    for name, parameter in model.named_parameters():
        out[f"grad.{name}"] = parameter.grad.detach().clone()
    if training:
        for name, value in model.state_dict().items():
            if "running_" in name:
                out[f"update.{name}"] = value.clone()
    model.load_state_dict(before)
    return out


def write(path: Path, tensors: dict, generator: str, **metadata) -> None:
    """float32 safetensors, with where they come from."""
    path.parent.mkdir(exist_ok=True, parents=True)
    arrays = {}
    for name, value in tensors.items():
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        if value.dtype == np.float64:
            value = value.astype(np.float32)
        arrays[name] = np.ascontiguousarray(value)
    tv = import_torchvision()  # first: timm imports it too
    import timm

    info = {
        "generator": f"tooling/goldens/{generator}",
        "torch": torch.__version__,
        "torchvision": tv.__version__,
        "timm": timm.__version__,
        "seed": str(SEED),
    }
    save_file(arrays, path, info | {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()})
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def rounding(model: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor, training: bool) -> float:
    """torch's own fp32 error: the worst gradient's, as tooling/testing/src/parity.ts measures it."""
    exact = record(model.double(), x.double(), labels, training)
    single = record(model.float(), x.float(), labels, training)
    model.double()
    gradients = [k for k in exact if k.startswith("grad.")]
    floor = 1e-4 * math.sqrt(sum(exact[k].norm().item() ** 2 for k in gradients))
    return max(((single[k] - exact[k]).norm() / max(exact[k].norm().item(), floor)).item() for k in gradients)


def write_model(folder: Path, name: str, model: torch.nn.Module, shape, labels, generator: str, modes) -> None:
    """The parameters in one file, and one file more for each mode. The model is in float64.

    Images are `image(name, shape)`, not stored. BatchNorm in training over a handful of values can be so ill-conditioned
    that fp32 cannot resolve a gradient to 1e-5, torch's no more than ours: the first image where torch's can is taken.
    """
    labels = torch.tensor(labels)
    state = {k: v.clone() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    write(folder / f"{name}.params.safetensors", state, generator)
    for mode in modes:
        for i in range(100):
            source = f"{name}.{i}"
            x = nchw(image(source, shape)).double()
            error = rounding(model, x, labels, mode == "train")
            if error < 5e-6:
                break
        results = record(model, x, labels, mode == "train")
        info = dict(image=source, shape=list(shape), torch_fp32_error=f"{error:.1e}")
        write(folder / f"{name}.{mode}.safetensors", {"labels": labels.int()} | results, generator, **info)
