"""Vision transformers of AutoFormer's smallest space, beside those of timm."""

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from accelnas import spaces
from accelnas_training.errors import NetworkError
from accelnas_training.networks import build_network, load_family
from accelnas_training.networks.complexity import complexities, complexity

SPACE = spaces.load("autoformer-tiny")


def uniform(embed=192, depth=12, heads=3, ratio=4.0):
    """Give the architecture whose layers are all alike."""
    layers = {f"layer{i}_{name}": value for i in range(depth) for name, value in (("heads", heads), ("ratio", ratio))}
    return {variable.name: None for variable in SPACE.variables} | {"embed": embed, "depth": depth} | layers


def counted(network, resolution=224):
    for block in network.blocks:
        block.attn.fused_attn = False
    found = complexity(network, resolution)
    return found.params, found.macs


def test_costs_are_those_of_deit_tiny():
    found = complexity(build_network(uniform(), "autoformer-tiny"), 224)
    assert (found.params, found.macs) == counted(timm.create_model("vit_tiny_patch16_224"))
    assert found.params == 5_717_416  # as Touvron et al. 2021 have it: 5.7 M


def by_formula(architecture, resolution=224):
    """Count (params, macs): two products of a head's matrices, and dense layers, of all patches and a token."""
    embed, tokens = architecture["embed"], 1 + (resolution // 16) ** 2
    params = 3 * 256 * embed + embed + embed + (1 + 14**2) * embed + 2 * embed + embed * 1000 + 1000
    macs = (tokens - 1) * 3 * 256 * embed + embed * 1000
    for layer in range(architecture["depth"]):
        heads, inner = 64 * architecture[f"layer{layer}_heads"], int(embed * architecture[f"layer{layer}_ratio"])
        weights = 3 * embed * heads + heads * embed + 2 * embed * inner
        params += weights + 3 * heads + embed + inner + embed + 4 * embed
        macs += tokens * weights + 2 * tokens * tokens * heads
    return params, macs


def test_costs_are_those_by_formula():
    rows = SPACE.sample(10, seed=8)
    found = complexities(load_family("autoformer-tiny"), rows, 224)
    assert [(one.params, one.macs) for one in found] == [by_formula(one) for one in SPACE.decode(rows)]
    assert {one["depth"] for one in SPACE.decode(rows)} == {12, 13, 14}


def test_outputs_are_those_of_timm_with_the_same_weights():
    torch.manual_seed(0)
    ours = build_network(uniform(depth=12), "autoformer-tiny", num_classes=5)
    theirs = VisionTransformer(embed_dim=192, depth=12, num_heads=3, num_classes=5, global_pool="avg", fc_norm=False)
    names = {"features.tokens.": "", "patches.": "patch_embed.proj.", "token": "cls_token", "positions": "pos_embed"}
    names |= {"layers.": "blocks.", "classifier": "head", "projection": "attn.proj", ".qkv": ".attn.qkv"}
    names |= {"dense.0": "mlp.fc1", "dense.2": "mlp.fc2"}
    state = {}
    for key, value in ours.state_dict().items():
        name = key
        for old, new in names.items():
            name = name.replace(old, new)
        state[name] = value
    theirs.load_state_dict(state)
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-4, atol=1e-5)


def test_what_such_networks_have_not_is_refused():
    with pytest.raises(NetworkError, match="stem is 16, but networks of builder 'autoformer-tiny' have it fixed"):
        build_network(uniform(), "autoformer-tiny", stem=16)
    with pytest.raises(NetworkError, match=r"layer3_ratio is 2\.0; builder 'autoformer-tiny' knows 3\.5, 4\.0"):
        build_network(uniform() | {"layer3_ratio": 2.0}, "autoformer-tiny")
    with pytest.raises(NetworkError, match="layer11_heads is None; builder 'autoformer-tiny' needs a whole number"):
        build_network(uniform() | {"layer11_heads": None}, "autoformer-tiny")
