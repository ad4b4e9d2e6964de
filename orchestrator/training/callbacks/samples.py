"""Text from the trained model when the run ends: the first thing a person wants to see."""

from __future__ import annotations

from tokenizers import Tokenizer

from orchestrator.training.run import Callback, Run
from orchestrator.training.text import continue_tokens


class Samples(Callback):
    """On all ranks, since a model with partitioned parameters answers only when all ranks ask together."""

    def on_stop(self, run: Run) -> None:
        section = run.plan.spec.training.sample
        if section is None or not run.finished:
            return
        tokenizer = Tokenizer.from_file(str(run.loader.prepared.tokenizer_path))
        for prompt in section.prompts:
            ids = tokenizer.encode(prompt).ids or [run.loader.prepared.end_id]
            made = continue_tokens(
                run.engine.module, ids, count=section.tokens, temperature=section.temperature, seed=run.plan.seed,
                window=run.plan.architecture.max_positions, device=run.plan.device,
                vocabulary=run.loader.prepared.vocab_size,
            )  # fmt: skip
            if run.gang.leads:
                run.dir.event("sampled", step=run.step, prompt=prompt, text=tokenizer.decode(made))
