"""Attention against that of `transformers`, and context parallelism against the whole sequence on one rank."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from orchestrator.architecture.parts import ALiBi
from tests.distributed import run_distributed

pytestmark = pytest.mark.filterwarnings(
    # Said of flex attention that is not compiled, which is how it can run in a test without a GPU.
    "ignore:flex_attention called without torch.compile"
)

B, T, D = 2, 16, 8


@pytest.fixture(scope="module", autouse=True)
def _core() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()


def attend(**options: Any) -> Any:
    from orchestrator.engines.megatron import attention

    return lambda query, key, value: attention.attend(query, key, value, **{"slopes": None, "documents": None, "scale": None, **options})


def flex_attend(**options: Any) -> Any:
    """Flex attention has no backward pass on a CPU."""
    from orchestrator.engines.megatron import attention

    @torch.no_grad()
    def without_gradient(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        options_ = {"slopes": None, "documents": None, "scale": None, **options}
        return attention.flex_attend(query.detach(), key.detach(), value.detach(), **options_, compiled=False)

    return without_gradient


KERNELS = [attend, flex_attend]


def tensors(heads: int, kv_heads: int, seed: int = 0) -> tuple[Tensor, ...]:
    """query [B, heads, T, D], key and value [B, kv_heads, T, D], and a gradient for the output."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(B, count, T, D) for count in (heads, kv_heads, kv_heads, heads)]
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def results(function: Any, *inputs_and_upstream: Tensor) -> list[Tensor]:
    """The output and the gradients of all inputs."""
    *inputs, upstream = inputs_and_upstream
    if function.__name__ == "without_gradient":
        return [function(*inputs)]
    inputs = [each.clone().requires_grad_() for each in inputs]
    output = function(*inputs)
    output.backward(upstream)
    return [output.detach(), *(each.grad for each in inputs if each.grad is not None)]


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) in (1, len(expected))
    for one, other in zip(found, expected, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (6, 2), (4, 1)])
def test_grouped_queries_are_those_of_llama(kernel: Any, heads: int, kv_heads: int) -> None:
    from transformers.models.llama.modeling_llama import eager_attention_forward

    module = SimpleNamespace(num_key_value_groups=heads // kv_heads, training=False)
    mask = torch.full((T, T), float("-inf")).triu(1)[None, None]

    def theirs(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output, _ = eager_attention_forward(module, query, key, value, mask, scaling=D**-0.5, dropout=0.0)  # type: ignore[arg-type]
        return output.transpose(1, 2)

    inputs = tensors(heads, kv_heads)
    assert_same(results(kernel(), *inputs), results(theirs, *inputs))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("heads", [4, 6])
def test_alibi_is_that_of_bloom(kernel: Any, heads: int) -> None:
    """BLOOM's attention module with an output matrix that is the identity; also where heads are no power of two."""
    from transformers import BloomConfig
    from transformers.models.bloom.modeling_bloom import BloomAttention, build_alibi_tensor

    hidden = heads * D
    module = BloomAttention(BloomConfig(hidden_size=hidden, n_head=heads, attention_dropout=0.0, hidden_dropout=0.0), layer_idx=0)
    torch.manual_seed(0)
    with torch.no_grad():
        module.query_key_value.weight.normal_(std=0.1)
        module.dense.weight.copy_(torch.eye(hidden))
        module.dense.bias.zero_()
    alibi = build_alibi_tensor(torch.ones(B, T), heads, torch.float32)
    mask = torch.full((T, T), torch.finfo(torch.float32).min).triu(1)[None, None].expand(B, 1, T, T)
    inputs = torch.randn(B, T, hidden, generator=torch.Generator().manual_seed(1))
    upstream = torch.randn(B, T, hidden, generator=torch.Generator().manual_seed(2))

    def theirs(states: Tensor) -> Tensor:
        output: Tensor = module(states, torch.zeros_like(states), alibi, mask)[0]
        return output

    attention = kernel(slopes=ALiBi(heads=heads).slopes)

    def ours(states: Tensor) -> Tensor:
        fused = module.query_key_value(states).view(B, T, heads, 3, D)
        query, key, value = fused.permute(3, 0, 2, 1, 4)
        output: Tensor = attention(query, key, value)
        return output.transpose(1, 2).flatten(2)

    ours.__name__ = attention.__name__
    assert_same(results(ours, inputs, upstream), results(theirs, inputs, upstream))


DOCUMENTS = torch.tensor([[0] * 5 + [1] * 10 + [2] * 1, [0] * 16])
"""Three documents in the first sequence, one in the second."""


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("slopes", [None, ALiBi(heads=4).slopes], ids=["rotary or none", "alibi"])
def test_each_document_is_alone(kernel: Any, slopes: Any) -> None:
    def one_by_one(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        rows = []
        for row, documents in enumerate(DOCUMENTS.tolist()):
            ends = [index for index in range(1, T) if documents[index] != documents[index - 1]]
            parts = [
                attend(slopes=slopes)(*(each[row : row + 1, :, start:stop] for each in (query, key, value)))
                for start, stop in zip([0, *ends], [*ends, T], strict=True)
            ]
            rows.append(torch.cat(parts, dim=2))
        return torch.cat(rows)

    inputs = tensors(4, 2)
    assert_same(results(kernel(slopes=slopes, documents=DOCUMENTS), *inputs), results(one_by_one, *inputs))


def test_zigzag_pairs_the_front_with_its_mirror() -> None:
    from orchestrator.engines.megatron.model import zigzag

    positions = torch.arange(16)[None]
    assert zigzag(positions, rank=0, ranks=2).tolist() == [[0, 1, 2, 3, 12, 13, 14, 15]]
    assert zigzag(positions, rank=1, ranks=2).tolist() == [[4, 5, 6, 7, 8, 9, 10, 11]]
    assert zigzag(positions, rank=3, ranks=4).tolist() == [[6, 7, 8, 9]]
    assert zigzag(positions, rank=0, ranks=1) is positions


def part_of(whole_BT: Tensor) -> Tensor:
    """This context rank's part of dim 1."""
    from orchestrator.engines.megatron.model import zigzag

    return zigzag(whole_BT, rank=distributed.get_rank(), ranks=distributed.get_world_size())


def exchanged() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.attention import _to_heads, _to_sequence

    group, ranks, rank = distributed.group.WORLD, distributed.get_world_size(), distributed.get_rank()
    whole = torch.arange(T * B * 8 * D, dtype=torch.float64).view(T, B, 8, D)
    mine = part_of(whole.transpose(0, 1)).transpose(0, 1).contiguous().requires_grad_()
    share = 8 // ranks
    seen = _to_heads(mine, group)
    assert torch.equal(seen, whole[:, :, rank * share : (rank + 1) * share])
    back = _to_sequence(seen, group)
    assert torch.equal(back, mine)
    back.backward(mine.detach() + 1)
    assert mine.grad is not None
    assert torch.equal(mine.grad, mine.detach() + 1)


@pytest.mark.parametrize("ranks", [2, 4])
def test_sequence_and_heads_are_exchanged_and_back(ranks: int) -> None:
    run_distributed(exchanged, ranks)


def context_parallel(heads: int, kv_heads: int, alibi: bool, documents: bool, tensor: tuple[int, int]) -> list[float]:
    """Largest differences of output and gradients from those of the whole sequence, on this rank.

    tensor: (rank, ranks) of a tensor group, of which this process plays one rank: `heads` are those of the group.
    """
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.attention import CoreAttention, attend

    rank, ranks = tensor
    slopes = ALiBi(heads=heads).slopes if alibi else None
    mine, mine_kv = heads // ranks, kv_heads // ranks
    own_slopes = None if slopes is None else slopes[rank * mine : (rank + 1) * mine]
    seen = DOCUMENTS if documents else None
    inputs = tensors(mine, mine_kv)
    expected = results(
        lambda *qkv: attend(*qkv, slopes=own_slopes, documents=seen, scale=None).transpose(1, 2).flatten(2),
        *inputs[:3], inputs[3].transpose(1, 2).flatten(2),
    )  # fmt: skip
    groups = SimpleNamespace(cp=distributed.group.WORLD, tp=SimpleNamespace(size=lambda: ranks, rank=lambda: rank))
    module = CoreAttention(None, 1, None, "self", groups, slopes=slopes)
    parts = [part_of(each.transpose(1, 2)).transpose(0, 1) for each in inputs]  # [S, B, heads, D]

    def forward(*qkv: Tensor) -> Tensor:
        output: Tensor = module(*qkv, seen)
        return output

    found = results(forward, *parts[:3], parts[3].flatten(2))
    wanted = [part_of(expected[0]).transpose(0, 1), *(part_of(each.transpose(1, 2)).transpose(0, 1) for each in expected[1:])]
    return [float((one - other).abs().max()) for one, other in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("documents", [False, True], ids=["one document", "documents"])
@pytest.mark.parametrize("alibi", [False, True], ids=["no bias", "alibi"])
@pytest.mark.parametrize(("ranks", "heads", "kv_heads"), [(2, 8, 8), (2, 4, 1), (4, 8, 4), (4, 8, 2), (4, 8, 1)])
def test_context_ranks_attend_as_one(ranks: int, heads: int, kv_heads: int, alibi: bool, documents: bool) -> None:
    """Also where there are fewer key heads than ranks."""
    for differences in run_distributed(context_parallel, ranks, heads, kv_heads, alibi, documents, (0, 1)):
        assert len(differences) == 4
        assert max(differences) <= 1e-5


@pytest.mark.parametrize("rank", [0, 1])
def test_slopes_are_cut_over_tensor_ranks_first(rank: int) -> None:
    for differences in run_distributed(context_parallel, 2, 12, 12, True, False, (rank, 2)):
        assert max(differences) <= 1e-5


def test_what_all_layers_share_is_found_once() -> None:
    """Finding the blocks of a mask is as much work as the mask; every layer did it anew in every micro-batch."""
    from orchestrator.engines.megatron import attention

    one, other = DOCUMENTS.clone(), DOCUMENTS.flip(0)
    for cached in (attention._blocks, attention._on):
        cached.cache_clear()
    query, key, value, _ = tensors(4, 2)
    for documents in (None, None, one, one, other):
        flex_attend(slopes=ALiBi(heads=4).slopes, documents=documents)(query, key, value)
    assert attention._on.cache_info().misses == 1
    assert (attention._blocks.cache_info().misses, attention._blocks.cache_info().hits) == (3, 2)
