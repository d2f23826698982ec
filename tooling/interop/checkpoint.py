"""What checkpoint.test.ts asks of Python: python checkpoint.py version | write MODEL FOLDER | hashes FILE | logits FILE

write: the tensors of MODEL, timm's ViT-Ti as safetensors, saved by torch, numpy and transformers, each in its own way.
hashes: of every tensor of a safetensors file, as safetensors.torch reads it.
logits: timm's answer to one image of known numbers, the file loaded strictly.
"""

import hashlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "goldens"))
from common import image, import_torchvision, nchw  # noqa: E402

HEADS = 3


def write(model: str, folder: str) -> dict:
    state = load_file(model)
    out = Path(folder)
    torch.save(state, out / "zip.pth")
    torch.save(state, out / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": state}, out / "protocol-5.pth", pickle_protocol=5)
    averaged = {"module." + k: v for k, v in state.items()}
    wrong = {k: v + 1 for k, v in averaged.items()}
    wrapped = {"epoch": 3, "state_dict": wrong, "state_dict_ema": averaged, "args": Namespace(lr=0.1)}
    torch.save(wrapped, out / "wrapped.pth.tar")
    columns = {k: v.t().contiguous().t() if v.ndim == 2 else v for k, v in state.items()}
    torch.save(columns, out / "strided.pth")
    arrays = {k: v.numpy() for k, v in state.items()}
    np.savez(out / "arrays.npz", **arrays)
    np.savez_compressed(out / "compressed.npz", **{k: np.asfortranarray(v.astype(">f4")) for k, v in arrays.items()})
    np.savez(out / "google.npz", **google(arrays))
    torch.save(torchvision_names(state), out / "torchvision.pth")
    transformers_folder(state, out / "transformers")
    return {"files": sorted(str(p.relative_to(out)) for p in out.iterdir())}


def google(w: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Google's names and layout: timm's `_load_weights` the other way round."""
    depth = w["pos_embed"].shape[-1]
    out = {
        "cls": w["cls_token"],
        "Transformer/posembed_input/pos_embedding": w["pos_embed"],
        "embedding/kernel": w["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": w["patch_embed.proj.bias"],
        "Transformer/encoder_norm/scale": w["norm.weight"],
        "Transformer/encoder_norm/bias": w["norm.bias"],
        "head/kernel": w["head.weight"].T,
        "head/bias": w["head.bias"],
    }
    for i in range(12):
        at, to = f"blocks.{i}", f"Transformer/encoderblock_{i}"
        for n, m in (("norm1", 0), ("norm2", 2)):
            out[f"{to}/LayerNorm_{m}/scale"] = w[f"{at}.{n}.weight"]
            out[f"{to}/LayerNorm_{m}/bias"] = w[f"{at}.{n}.bias"]
        mha = f"{to}/MultiHeadDotProductAttention_1"
        weights, biases = np.split(w[f"{at}.attn.qkv.weight"], 3), np.split(w[f"{at}.attn.qkv.bias"], 3)
        for name, kernel, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            out[f"{mha}/{name}/kernel"] = kernel.T.reshape(depth, HEADS, -1)
            out[f"{mha}/{name}/bias"] = bias.reshape(HEADS, -1)
        out[f"{mha}/out/kernel"] = w[f"{at}.attn.proj.weight"].T.reshape(HEADS, -1, depth)
        out[f"{mha}/out/bias"] = w[f"{at}.attn.proj.bias"]
        for n in (1, 2):
            out[f"{to}/MlpBlock_3/Dense_{n - 1}/kernel"] = w[f"{at}.mlp.fc{n}.weight"].T
            out[f"{to}/MlpBlock_3/Dense_{n - 1}/bias"] = w[f"{at}.mlp.fc{n}.bias"]
    return out


def torchvision_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict that torchvision's own class loads strictly."""
    tv = import_torchvision()
    model = tv.models.VisionTransformer(224, 16, 12, HEADS, 192, 768)
    changes = [
        ("patch_embed.proj", "conv_proj"), ("blocks.", "encoder.layers.encoder_layer_"), ("norm1", "ln_1"), ("norm2", "ln_2"),
        ("attn.qkv.", "self_attention.in_proj_"), ("attn.proj", "self_attention.out_proj"), ("mlp.fc1", "mlp.0"),
        ("mlp.fc2", "mlp.3"), ("cls_token", "class_token"), ("pos_embed", "encoder.pos_embedding"),
    ]  # fmt: skip
    out = {}
    for key, value in state.items():
        if key.startswith(("norm.", "head.")):
            key = key.replace("norm.", "encoder.ln.").replace("head.", "heads.head.")
        else:
            for old, new in changes:
                key = key.replace(old, new)
        out[key] = value
    model.load_state_dict(out, strict=True)
    return model.state_dict()


def transformers_folder(state: dict[str, torch.Tensor], folder: Path) -> None:
    """What transformers' ViTForImageClassification saves, with its preprocessing beside it."""
    import_torchvision()
    import transformers

    config = transformers.ViTConfig(
        hidden_size=192, num_attention_heads=HEADS, intermediate_size=768, num_labels=1000,
        id2label={i: f"class number {i}" for i in range(1000)},
    )  # fmt: skip
    model = transformers.ViTForImageClassification(config)
    names = {
        "embeddings.cls_token": "cls_token", "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection": "patch_embed.proj", "layernorm.": "norm.", "classifier.": "head.",
        "layers.": "blocks.", "layernorm_before": "norm1", "layernorm_after": "norm2", "attention.o_proj": "attn.proj",
    }  # fmt: skip
    with torch.no_grad():
        for key, value in model.state_dict().items():
            name = key.removeprefix("vit.")
            for theirs, ours in names.items():
                name = name.replace(theirs, ours)
            for i, part in enumerate(("q_proj", "k_proj", "v_proj")):
                if f"attention.{part}" in name:
                    name = name.replace(f"attention.{part}", "attn.qkv")
                    value.copy_(state[name].chunk(3)[i])
                    break
            else:
                value.copy_(state[name])
    model.save_pretrained(folder)
    transformers.ViTImageProcessor().save_pretrained(folder)


def hashes(file: str) -> dict[str, str]:
    return {
        k: f"{v.dtype} {list(v.shape)} {hashlib.sha256(v.contiguous().numpy().tobytes()).hexdigest()}"
        for k, v in load_file(file).items()
    }


def logits(file: str) -> list[float]:
    import_torchvision()
    import timm

    model = timm.create_model("vit_tiny_patch16_224")
    model.load_state_dict(load_file(file), strict=True)
    with torch.no_grad():
        return model.eval()(nchw(image("interop", (1, 224, 224, 3))))[0].tolist()


def version() -> dict[str, str]:
    tv = import_torchvision()
    import timm
    import transformers

    return {m.__name__: m.__version__ for m in (torch, tv, timm, transformers, safetensors, np)}


if __name__ == "__main__":
    command, *args = sys.argv[1:]
    print(json.dumps({"version": version, "write": write, "hashes": hashes, "logits": logits}[command](*args)))
