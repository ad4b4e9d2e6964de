"""Text from a run or from an exported folder."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import CommandError
from orchestrator.training.export import load_trained
from orchestrator.training.rundir import RunDir
from orchestrator.training.text import continue_tokens


def generate(source: RunDir | Path, prompt: str, *, tokens: int, temperature: float, seed: int) -> str:
    """The prompt and what the model writes after it. `source`: a run, or a Hugging Face folder."""
    if isinstance(source, RunDir):
        module, tokenizer, _ = load_trained(source)
    else:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (source / "config.json").is_file():
            raise CommandError(f"{source} holds no config.json: it is neither a run nor an exported model")
        module = AutoModelForCausalLM.from_pretrained(source).eval()
        tokenizer = AutoTokenizer.from_pretrained(source)
    ids = tokenizer(prompt)["input_ids"] or [tokenizer.eos_token_id]
    made = continue_tokens(
        module, ids, count=tokens, temperature=temperature, seed=seed, window=module.config.max_position_embeddings,
        device="cpu", vocabulary=len(tokenizer), stop=tokenizer.eos_token_id,
    )  # fmt: skip
    text: str = tokenizer.decode(made)
    return prompt + text
