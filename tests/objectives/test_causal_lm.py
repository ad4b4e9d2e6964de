"""The loss against the one that transformers computes itself, and z-loss against its formula."""

from __future__ import annotations

import pytest
import torch
import transformers

from data_pipeline.loader import Samples
from orchestrator.objectives.causal_lm import CausalLM
from orchestrator.registry import OBJECTIVES


@pytest.fixture(scope="module")
def model() -> transformers.LlamaForCausalLM:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    return transformers.LlamaForCausalLM(config).eval()


TOKENS = torch.randint(0, 50, (3, 9), generator=torch.Generator().manual_seed(1))


def test_it_is_found_by_its_file_name() -> None:
    assert OBJECTIVES.get("causal_lm") is CausalLM


def test_a_row_of_s_plus_1_tokens_gives_s_inputs_and_s_targets() -> None:
    batch = CausalLM().collate(torch.tensor([[1, 2, 3, 4]]))
    assert batch["input_ids"].tolist() == [[1, 2, 3]]
    assert batch["labels"].tolist() == [[2, 3, 4]]


def test_loss_is_the_librarys_own(model: transformers.LlamaForCausalLM) -> None:
    report = CausalLM().loss(model, CausalLM().collate(TOKENS))
    # The library shifts labels itself: given all s + 1 tokens it scores the same s targets.
    expected = model(input_ids=TOKENS, labels=TOKENS).loss
    torch.testing.assert_close(report.loss, expected, rtol=0, atol=1e-6)
    assert report.tokens == 3 * 8


def test_z_loss_adds_the_mean_squared_log_normaliser(model: transformers.LlamaForCausalLM) -> None:
    objective = CausalLM(z_loss=0.01)
    batch = objective.collate(TOKENS)
    report = objective.loss(model, batch)
    normaliser = model(input_ids=batch["input_ids"]).logits.double().exp().sum(dim=-1).log()
    expected = 0.01 * normaliser.square().mean()
    torch.testing.assert_close(report.terms["z_loss"].double(), expected, rtol=1e-6, atol=0)
    total = report.terms["cross_entropy"] + report.terms["z_loss"]
    torch.testing.assert_close(report.loss.detach(), total)


def padded(*filled: int) -> Samples:
    return Samples(tokens=TOKENS, filled=torch.tensor(filled))


@pytest.mark.parametrize("filled", [(9, 4, 2), (9, 9, 9), (1, 6, 1)], ids=str)
def test_loss_of_padded_rows_is_the_librarys_own_without_the_padding(model: transformers.LlamaForCausalLM, filled: tuple[int, ...]) -> None:
    samples, targets = padded(*filled), sum(filled) - 3
    labels = TOKENS.where(torch.arange(9) < samples.filled[:, None], -100)
    expected = model(input_ids=TOKENS, labels=labels, num_items_in_batch=torch.tensor(targets)).loss
    weights = samples.weights(3 * 8 / targets)
    whole = CausalLM().loss(model, CausalLM().collate(TOKENS, weights=weights))
    torch.testing.assert_close(whole.loss, expected, rtol=0, atol=1e-6)
    assert whole.tokens == 3 * 8, "what means are weighed by: positions, of which all micro-batches have equally many"
    rows = [CausalLM().loss(model, CausalLM().collate(part.tokens, weights=part.weights(3 * 8 / targets))).loss for part in samples.split(1)]
    torch.testing.assert_close(torch.stack(rows).mean(), expected, rtol=0, atol=1e-6)


def test_z_loss_of_padded_rows_is_the_mean_over_targets(model: transformers.LlamaForCausalLM) -> None:
    objective, samples = CausalLM(z_loss=0.01), padded(9, 4, 2)
    report = objective.loss(model, objective.collate(TOKENS, weights=samples.weights(3 * 8 / 12)))
    squares = model(input_ids=TOKENS[:, :-1]).logits.double().exp().sum(dim=-1).log().square()
    real = torch.cat([squares[0, :8], squares[1, :3], squares[2, :1]])
    torch.testing.assert_close(report.terms["z_loss"].double(), 0.01 * real.mean(), rtol=1e-6, atol=0)


def test_low_precision_logits_are_scored_in_fp32() -> None:
    class Fixed(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, use_cache: bool) -> transformers.utils.ModelOutput:
            logits = torch.zeros(*input_ids.shape, 50, dtype=torch.bfloat16)
            return transformers.utils.ModelOutput(logits=logits)

    report = CausalLM().loss(Fixed(), CausalLM().collate(TOKENS))
    assert report.loss.dtype == torch.float32
    torch.testing.assert_close(report.loss, torch.tensor(50.0).log())
