"""Next-token sampling from any causal model: one loop for trained runs, exports and partitioned engines."""

from __future__ import annotations

import torch


@torch.no_grad()
def continue_tokens(
    model: torch.nn.Module, ids: list[int], *, count: int, temperature: float, seed: int, window: int, device: str,
    vocabulary: int, stop: int | None = None,
) -> list[int]:  # fmt: skip
    """`count` token ids after the prompt `ids`; greedy at temperature 0. The same on every rank for one seed.

    window: positions the model has; earlier tokens fall out. vocabulary: ids the tokenizer knows, the
    model's table may be larger. stop: an id that ends the text early.
    """
    was_training = model.training
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    made: list[int] = []
    for _ in range(count):
        context = torch.tensor([(ids + made)[-window:]], device=device)
        scores_V = model(input_ids=context, use_cache=False).logits[0, -1, :vocabulary].float().cpu()
        if temperature > 0:
            chances = torch.softmax(scores_V / temperature, dim=-1)
            token = int(torch.multinomial(chances, 1, generator=generator))
        else:
            token = int(scores_V.argmax())
        if token == stop:
            break
        made.append(token)
    model.train(was_training)
    return made
