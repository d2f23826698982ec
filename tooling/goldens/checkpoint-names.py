"""Writes packages/checkpoint/src/__goldens__/names: tiny models saved by transformers, torchvision and in Google's layout,
and what their tensors are under timm's names (as hashes), which timm itself confirms: with those it computes the same logits.

python tooling/goldens/checkpoint-names.py        needs torch, torchvision, timm, transformers (made with 2.13, 0.28, 1.0.29, 5.18)
"""

import hashlib
import json
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from common import import_torchvision

torchvision = import_torchvision()
import timm  # noqa: E402
import transformers  # noqa: E402
from timm.layers import StdConv2dSame  # noqa: E402
from timm.models.resnet import BasicBlock, Bottleneck, ResNet  # noqa: E402
from timm.models.resnetv2 import ResNetV2, create_resnetv2_stem  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402
from timm.models.vision_transformer_hybrid import HybridEmbed  # noqa: E402

SEED = 20_303
OUT = Path(__file__).resolve().parents[2] / "packages/checkpoint/src/__goldens__/names"
D, DEPTH, HEADS, HIDDEN, IMAGE, PATCH, CLASSES = 8, 2, 2, 32, 8, 4, 3
GENERATOR = torch.Generator().manual_seed(SEED)


def fill(model: torch.nn.Module, half=False) -> torch.nn.Module:
    """Every value random, biases and running statistics too: two tensors that change places are seen."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            new = torch.randn(value.shape, generator=GENERATOR) * 0.5
            if name.endswith("running_var"):
                new = new.abs() + 0.5
            value.copy_(new.half().float() if half else new)
    return model.eval()


def write(name: str, naming: str, expected: dict[str, torch.Tensor], dropped=()) -> None:
    record = {
        "generator": "tooling/goldens/checkpoint-names.py",
        "seed": SEED,
        "versions": {
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "timm": timm.__version__,
            "transformers": transformers.__version__,
            "numpy": np.__version__,
        },
        "naming": naming,
        "dropped": list(dropped),
        "tensors": {
            k: {"shape": list(v.shape), "sha256": hashlib.sha256(v.detach().contiguous().numpy().tobytes()).hexdigest()}
            for k, v in expected.items()
        },
    }
    (OUT / f"{name}.json").write_text(json.dumps(record) + "\n")


def same_logits(theirs, ours: torch.nn.Module, expected: dict[str, torch.Tensor]) -> None:
    """timm with the expected tensors, strictly loaded, answers as the library that wrote the file."""
    ours.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in expected.items()}, strict=True)
    ours.eval()
    side = 64 if any(k.startswith("layer1.") for k in expected) else IMAGE
    x = torch.randn(2, 3, side, side, generator=GENERATOR)
    with torch.no_grad():
        a, b = theirs(x), ours(x)
    assert a.std() > 0.01 and torch.allclose(a, b, rtol=1e-4, atol=1e-4), (a, b)


def timm_vit(**options) -> VisionTransformer:
    eps = options.pop("eps", 1e-6)
    return VisionTransformer(
        img_size=IMAGE, patch_size=PATCH, embed_dim=D, depth=DEPTH, num_heads=HEADS, num_classes=CLASSES,
        norm_layer=partial(torch.nn.LayerNorm, eps=eps), **options,
    )  # fmt: skip


def hf_vit_to_timm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Of transformers 5's module names; timm's answer proves it."""
    out = {}
    for key, value in state.items():
        key = re.sub(r"^(vit|deit)\.", "", key)
        key = {
            "embeddings.cls_token": "cls_token",
            "embeddings.position_embeddings": "pos_embed",
            "embeddings.distillation_token": "dist_token",
        }.get(key, key)
        key = key.replace("embeddings.patch_embeddings.projection", "patch_embed.proj").replace("layers.", "blocks.")
        key = key.replace("attention.o_proj", "attn.proj").replace("layernorm_before", "norm1")
        key = key.replace("layernorm_after", "norm2").replace("distillation_classifier", "head_dist")
        key = re.sub(r"^layernorm\.", "norm.", re.sub(r"^(cls_)?classifier\.", "head.", key))
        out[key] = value
    for i in range(DEPTH):
        for p in ("weight", "bias"):
            parts = [out.pop(f"blocks.{i}.attention.{x}_proj.{p}") for x in "qkv"]
            out[f"blocks.{i}.attn.qkv.{p}"] = torch.cat(parts)
    return out


def save_pretrained(model, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        shutil.copyfile(Path(folder) / "model.safetensors", OUT / f"{name}.safetensors")


def transformers_vits() -> None:
    sizes = dict(
        hidden_size=D, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=HIDDEN,
        image_size=IMAGE, patch_size=PATCH, num_labels=CLASSES,
    )  # fmt: skip
    vit = fill(transformers.ViTForImageClassification(transformers.ViTConfig(**sizes)))
    expected = hf_vit_to_timm(vit.state_dict())
    same_logits(lambda x: vit(x).logits, timm_vit(eps=1e-12), expected)
    save_pretrained(vit, "transformers-vit")
    write("transformers-vit", "transformers-vit", expected)
    torch.save(vit.state_dict(), OUT / "transformers-5-vit.pth")
    write("transformers-5-vit", "transformers-5-vit", expected)

    backbone = fill(transformers.ViTModel(transformers.ViTConfig(**sizes)))
    save_pretrained(backbone, "transformers-vit-model")
    expected = {k: v for k, v in hf_vit_to_timm(backbone.state_dict()).items() if not k.startswith("pooler")}
    write("transformers-vit-model", "transformers-vit", expected, dropped=["pooler.dense.bias", "pooler.dense.weight"])

    teacher = fill(transformers.DeiTForImageClassificationWithTeacher(transformers.DeiTConfig(**sizes)))
    expected = hf_vit_to_timm(teacher.state_dict())
    deit = timm.models.deit.VisionTransformerDistilled(
        img_size=IMAGE, patch_size=PATCH, embed_dim=D, depth=DEPTH, num_heads=HEADS, num_classes=CLASSES,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-12),
    )  # fmt: skip
    same_logits(lambda x: teacher(x).logits, deit, expected)
    save_pretrained(teacher, "transformers-deit-teacher")
    write("transformers-deit-teacher", "transformers-deit", expected)
    torch.save(teacher.state_dict(), OUT / "transformers-5-deit.pth")
    write("transformers-5-deit", "transformers-5-deit", expected)

    deit = fill(transformers.DeiTForImageClassification(transformers.DeiTConfig(**sizes)))
    save_pretrained(deit, "transformers-deit")
    write("transformers-deit", "transformers-deit", hf_vit_to_timm(deit.state_dict()))


def hf_resnet_to_timm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    out = {}
    for key, value in state.items():
        key = key.removeprefix("resnet.").replace("embedder.embedder.convolution", "conv1")
        key = key.replace("embedder.embedder.normalization", "bn1").replace("classifier.1.", "fc.")
        key = re.sub(r"encoder\.stages\.(\d)\.layers\.(\d)\.", lambda m: f"layer{int(m[1]) + 1}.{m[2]}.", key)
        key = re.sub(r"\blayer\.(\d)\.convolution", lambda m: f"conv{int(m[1]) + 1}", key)
        key = re.sub(r"\blayer\.(\d)\.normalization", lambda m: f"bn{int(m[1]) + 1}", key)
        key = key.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
        out[key] = value
    return out


def transformers_resnets() -> None:
    for kind, block in (("basic", BasicBlock), ("bottleneck", Bottleneck)):
        widths = (8, 8, 16, 16)
        config = transformers.ResNetConfig(
            embedding_size=64, hidden_sizes=[w * block.expansion for w in widths], depths=[2, 1, 1, 1],
            layer_type=kind, num_labels=CLASSES,
        )  # fmt: skip
        model = fill(transformers.ResNetForImageClassification(config), half=True)
        expected = hf_resnet_to_timm(model.state_dict())
        ours = ResNet(block, (2, 1, 1, 1), channels=widths, num_classes=CLASSES)
        same_logits(lambda x: model(x).logits, ours, expected)
        half = {k: v.half() if v.is_floating_point() else v for k, v in expected.items()}
        save_pretrained(model.half(), f"transformers-resnet-{kind}")
        write(f"transformers-resnet-{kind}", "transformers-resnet", half)


def torchvision_vit() -> None:
    model = fill(torchvision.models.VisionTransformer(IMAGE, PATCH, DEPTH, HEADS, D, HIDDEN, num_classes=CLASSES))
    expected = {}
    for key, value in model.state_dict().items():
        key = {"class_token": "cls_token", "encoder.pos_embedding": "pos_embed"}.get(key, key)
        key = key.replace("conv_proj", "patch_embed.proj").replace("encoder.layers.encoder_layer_", "blocks.")
        key = key.replace("ln_1", "norm1").replace("ln_2", "norm2").replace("self_attention.in_proj_", "attn.qkv.")
        key = key.replace("self_attention.out_proj", "attn.proj").replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")
        key = key.replace("encoder.ln.", "norm.").replace("heads.head", "head")
        expected[key] = value
    same_logits(model, timm_vit(), expected)
    torch.save(model.state_dict(), OUT / "torchvision-vit.pth")
    write("torchvision-vit", "torchvision-vit", expected)


def google_files() -> None:
    """Random arrays in Google's layout, which timm's own reader turns into its names."""

    def array(*shape):
        return (torch.randn(*shape, generator=GENERATOR) * 0.5).numpy()

    def encoder(attention=1, mlp=3, norm=2):
        arrays = {"cls": array(1, 1, D), "head/kernel": array(D, CLASSES), "head/bias": array(CLASSES)}
        for i in range(DEPTH):
            at = f"Transformer/encoderblock_{i}"
            for n in (0, norm):
                arrays |= {f"{at}/LayerNorm_{n}/{p}": array(D) for p in ("scale", "bias")}
            mha = f"{at}/MultiHeadDotProductAttention_{attention}"
            for part in ("query", "key", "value"):
                arrays |= {f"{mha}/{part}/kernel": array(D, HEADS, D // HEADS), f"{mha}/{part}/bias": array(HEADS, D // HEADS)}
            arrays |= {f"{mha}/out/kernel": array(HEADS, D // HEADS, D), f"{mha}/out/bias": array(D)}
            dense = f"{at}/MlpBlock_{mlp}/Dense"
            arrays |= {f"{dense}_0/kernel": array(D, HIDDEN), f"{dense}_0/bias": array(HIDDEN)}
            arrays |= {f"{dense}_1/kernel": array(HIDDEN, D), f"{dense}_1/bias": array(D)}
        return arrays | {f"Transformer/encoder_norm/{p}": array(D) for p in ("scale", "bias")}

    def save(name, naming, arrays, model):
        np.savez(OUT / f"{name}.npz", **arrays)
        with torch.no_grad():
            for value in model.state_dict().values():
                value.fill_(float("nan"))  # what timm does not set shows
        model.load_pretrained(str(OUT / f"{name}.npz"))
        state = {k: v.clone() for k, v in model.state_dict().items()}
        assert all(not v.isnan().any() for v in state.values()), [k for k, v in state.items() if v.isnan().any()]
        write(name, naming, state)

    tokens = (IMAGE // PATCH) ** 2 + 1
    position = "Transformer/posembed_input/pos_embedding"
    patches = {"embedding/kernel": array(PATCH, PATCH, 3, D), "embedding/bias": array(D)}
    save("google-vit", "google-vit", {position: array(1, tokens, D)} | patches | encoder(), timm_vit())
    target = {"opt/target/" + k: v for k, v in ({position: array(1, tokens, D)} | patches | encoder()).items()}
    save("google-vit-target", "google-vit", target, timm_vit())
    big = {"pos_embedding": array(1, tokens, D)} | patches | encoder(0, 0, 1)
    save("big-vision-vit", "big-vision-vit", {"params/" + k: v for k, v in big.items()}, timm_vit())

    side = 32
    backbone = ResNetV2(
        layers=(2, 1), channels=(32, 64), num_classes=0, global_pool="", in_chans=3, stem_chs=16, preact=False,
        stem_type="same", conv_layer=partial(StdConv2dSame, eps=1e-8),
        norm_layer=partial(timm.layers.GroupNormAct, num_groups=4),
    )  # fmt: skip
    hybrid = VisionTransformer(
        img_size=side, patch_size=1, embed_dim=D, depth=DEPTH, num_heads=HEADS, num_classes=CLASSES,
        embed_layer=partial(HybridEmbed, backbone=backbone),
    )  # fmt: skip
    cells = hybrid.patch_embed.num_patches
    arrays = {position: array(1, cells + 1, D), "embedding/kernel": array(1, 1, 64, D), "embedding/bias": array(D)}
    arrays |= encoder() | {"conv_root/kernel": array(7, 7, 3, 16)}
    arrays |= {f"gn_root/{p}": array(1, 1, 1, 16) for p in ("scale", "bias")}
    inside = 16
    for s, (units, width) in enumerate(((2, 32), (1, 64)), 1):
        for u in range(1, units + 1):
            at, mid = f"block{s}/unit{u}", width // 4
            for k, shape in ((1, (1, 1, inside, mid)), (2, (3, 3, mid, mid)), (3, (1, 1, mid, width))):
                arrays[f"{at}/conv{k}/kernel"] = array(*shape)
                arrays |= {f"{at}/gn{k}/{p}": array(1, 1, 1, shape[-1]) for p in ("scale", "bias")}
            if u == 1:
                arrays[f"{at}/conv_proj/kernel"] = array(1, 1, inside, width)
                arrays |= {f"{at}/gn_proj/{p}": array(1, 1, 1, width) for p in ("scale", "bias")}
            inside = width
    save("google-hybrid", "google-hybrid", arrays, hybrid)

    backbone = create_resnetv2_stem(
        3, 16, stem_type="same", preact=False, conv_layer=partial(StdConv2dSame, eps=1e-8),
        norm_layer=partial(timm.layers.GroupNormAct, num_groups=4),
    )  # fmt: skip
    hybrid = VisionTransformer(
        img_size=side, patch_size=4, embed_dim=D, depth=DEPTH, num_heads=HEADS, num_classes=CLASSES,
        embed_layer=partial(HybridEmbed, backbone=backbone),
    )  # fmt: skip
    cells = hybrid.patch_embed.num_patches
    arrays = {position: array(1, cells + 1, D), "embedding/kernel": array(4, 4, 16, D), "embedding/bias": array(D)}
    arrays |= encoder() | {"conv_root/kernel": array(7, 7, 3, 16)}
    arrays |= {f"gn_root/{p}": array(1, 1, 1, 16) for p in ("scale", "bias")}
    save("google-hybrid-stem", "google-hybrid-stem", arrays, hybrid)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    OUT.mkdir(parents=True, exist_ok=True)
    transformers_vits()
    transformers_resnets()
    torchvision_vit()
    google_files()
    total = sum(p.stat().st_size for p in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total / 1000:.0f} kB")
