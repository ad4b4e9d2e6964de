"""Pages and overrides that are wrong, as a table: what is broken, and what the user must be told.

`GOOD` is a page that passes; most cases change one place of it, so that the expected line is plain to see.
Exit codes: 2 the page or the command line is wrong, 3 the plan cannot fit this hardware.
"""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
# line 1
system: Test
published: {parameters: 43_248}
model:
  family: llama
  layers: 2
  hidden_size: 48
  heads: 4
  ffn_size: 64
  vocab_size: 64
  max_positions: 64
data: {mixture: python, sequence_length: 32}
training:
  batch: {sequences: 8}
  steps: 20
  optimizer: {name: adamw, lr: 1e-3, betas: [0.9, 0.95]}
  schedule:
    name: cosine
    warmup: 5 steps
  precision: fp32
parallelism: {engine: deepspeed, data: 2}
checkpoint: {every: 10 steps}
tracking: {wandb: {project: test}}
"""

CLUSTER = """\
nodes: 2
node:
  accelerator: A100-80GB
  count: 8
  links: {bandwidth: 300GB}
network: {bandwidth: 200GB}
price_per_device_hour: 1.5
"""

MIXTURE = """\
sources:
  - {name: code, kind: python_installation, parts: [library], limit: 1MB, weight: 1}
tokenizer: {train: byte_bpe, vocab_size: 300, sample: 1MB}
validation: {fraction: 0.05}
"""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A case. `page`, `cluster` and `mixture` replace the good text whole; `edits` change places of it.

    `line` is the line that must be named (0: none, as for a missing file), in the file `where`; `says` are
    phrases of the message, in order.
    """

    name: str
    says: tuple[str, ...]
    line: int = 0
    where: str = "page.yaml"
    edits: tuple[tuple[str, str], ...] = ()
    page: str | bytes | None = None
    cluster_edits: tuple[tuple[str, str], ...] = ()
    mixture_edits: tuple[tuple[str, str], ...] = ()
    set: str = ""
    verb: str = "check"
    exit: int = 2


def _edit(name: str, old: str, new: str, line: int, *says: str, verb: str = "check", exit: int = 2) -> Bad:
    return Bad(name=name, edits=((old, new),), line=line, says=says, verb=verb, exit=exit)


def _set(name: str, override: str, *says: str, verb: str = "check", exit: int = 2) -> Bad:
    return Bad(name=name, set=override, where="SET", says=says, verb=verb, exit=exit)


def _cluster(name: str, old: str, new: str, line: int, *says: str, exit: int = 2) -> Bad:
    return Bad(name=name, cluster_edits=((old, new),), line=line, where="cluster.yaml", says=says, verb="plan", exit=exit)


def _mixture(name: str, old: str, new: str, line: int, *says: str) -> Bad:
    return Bad(
        name=name, mixture_edits=((old, new),), edits=(("mixture: python", "mixture: {folder}/mixture.yaml"),),
        line=line, where="mixture.yaml", says=says,
    )  # fmt: skip


def _page(name: str, page: str | bytes, line: int, *says: str) -> Bad:
    return Bad(name=name, page=page, line=line, says=says)


TYPOS = (
    _edit("section", "training:\n", "trainig:\n", 13, "trainig", "write `training`"),
    _edit("model", "layers:", "layrs:", 6, "model.layrs", "write `layers`"),
    _edit("data", "sequence_length", "sequence_lenght", 12, "data.sequence_lenght", "write `sequence_length`"),
    _edit("batch", "sequences: 8", "sequence: 8", 14, "training.batch.sequence", "write `sequences`"),
    _edit("training", "precision:", "precison:", 20, "training.precison", "write `precision`"),
    _edit("optimizer", "betas", "beta", 16, "training.optimizer.beta", "write `betas`"),
    _edit("optimizer of another kind", "betas: [0.9, 0.95]", "clip_update: 1.0", 16, "training.optimizer.clip_update", "this section knows name, lr, betas"),
    _edit("schedule", "warmup:", "warm_up:", 19, "training.schedule.warm_up", "write `warmup`"),
    _edit("parallelism", "data: 2", "date: 2", 21, "parallelism.date", "write `data`"),
    _edit("checkpoint", "every:", "evry:", 22, "checkpoint.evry", "write `every`"),
    _edit("tracking", "wandb", "wandbb", 23, "tracking.wandbb", "write `wandb`"),
    _edit("published", "parameters", "params", 3, "published.params", "write `parameters`"),
    _edit("a key nothing is like", "system: Test", "zzz: Test", 2, "zzz", "unknown key", "remove it"),
    _edit("a key with brackets", "system: Test", "f(): 1", 2, "f()", "unknown key"),
    _edit("a key that is a number", "system: Test", "1: 1", 2, "1:", "unknown key"),
)

NAMES = (
    _edit("family", "family: llama", "family: lama", 5, "model.family", "unknown model family 'lama'", "write `llama`"),
    _edit("family nothing is like", "family: llama", "family: zzz", 5, "model.family", "unknown model family", "choose one of: bloom, gpt_neox, llama, mixtral"),
    _edit("family not a name", "family: llama", "family: 7", 5, "model.family", "write `family: llama`"),
    _edit("no family", "  family: llama\n", "", 4, "model.family", "is missing"),
    _edit("objective", "precision: fp32", "objective: causal", 20, "training.objective", "unknown objective 'causal'", "causal_lm"),
    _edit("optimizer", "name: adamw", "name: adam", 16, "training.optimizer.name", "found 'adam'", "write `adamw`"),
    _edit("no optimizer name", "name: adamw, ", "", 16, "training.optimizer.name", "is missing"),
    _edit("schedule", "name: cosine", "name: cosin", 18, "training.schedule.name", "found 'cosin'", "write `cosine`"),
    _edit("precision", "precision: fp32", "precision: fp16", 20, "training.precision", "found 'fp16'; allowed: fp32, bf16"),
    _edit("engine", "engine: deepspeed", "engine: deepsped", 21, "parallelism.engine", "write `deepspeed`"),
    _edit("engine of the future", "engine: deepspeed", "engine: hyperion", 21, "parallelism.engine", "allowed: auto, reference, deepspeed, megatron"),
    _edit("offload", "data: 2", "offload: disk", 21, "parallelism.offload", "allowed: auto, none, optimizer, parameters"),
    _edit("mixture", "mixture: python", "mixture: pyton", 12, "data.mixture", "unknown mixture 'pyton'", "write `python`"),
    _edit("mixture page", "mixture: python", "mixture: nowhere/m.yaml", 12, "data.mixture", "nowhere/m.yaml: there is no such file"),
    _edit("wandb mode", "project: test", "mode: on", 23, "tracking.wandb.mode", "found 'on'; allowed: auto, online, offline"),
    _edit("baseline", "precision: fp32", "validation: {every: 5 steps, baseline: trigram}", 20, "training.validation.baseline", "bigram"),
)

TYPES = (
    _edit("text for a count", "layers: 2", "layers: two", 6, "model.layers", "expected a whole number, found 'two'", "fix:"),
    _edit("a quoted number", "layers: 2", 'layers: "2"', 6, "model.layers", "found '2'", "write 2 without quotes"),
    _edit("a quoted 1e-4", "lr: 1e-3", 'lr: "1e-3"', 16, "training.optimizer.lr", "expected a number, found '1e-3'", "write 1e-3 without quotes"),
    _edit("a fraction for a count", "layers: 2", "layers: 2.5", 6, "model.layers", "expected a whole number, found 2.5"),
    _edit("a truth for a count", "layers: 2", "layers: true", 6, "model.layers", "found true"),
    _edit("yes for true", "max_positions: 64", "tie_embeddings: yes", 11, "model.tie_embeddings", "expected true or false, found 'yes'", "write true"),
    _edit("off for false", "max_positions: 64", "tie_embeddings: off", 11, "model.tie_embeddings", "found 'off'", "write false"),
    _edit("one for true", "max_positions: 64", "tie_embeddings: 1", 11, "model.tie_embeddings", "found 1", "write true"),
    _edit("number for text", "mixture: python", "mixture: 7", 12, "data.mixture", "expected text, found 7", 'put it in quotes: "7"'),
    _edit("null for a count", "layers: 2", "layers: null", 6, "model.layers", "found nothing"),
    _edit("nothing after the colon", "layers: 2", "layers:", 6, "model.layers", "found nothing"),
    _edit("null for a section", "data: {mixture: python, sequence_length: 32}", "data:", 12, "data", "expected a section", "found nothing", "write `data: {mixture: ..., sequence_length: ...}`"),
    _edit("word for a section", "batch: {sequences: 8}", "batch: 8", 14, "training.batch", "expected a section of `key: value` lines, found 8"),
    _edit("word for a tagged section", "optimizer: {name: adamw, lr: 1e-3, betas: [0.9, 0.95]}", "optimizer: adamw", 16, "training.optimizer", "expected a section", "found 'adamw'"),
    _edit("list for a section", "checkpoint: {every: 10 steps}", "checkpoint: [10]", 22, "checkpoint", "expected a section", "found [10]"),
    _edit("word for model", "model:\n  family: llama", "model: llama\nx:\n  family: llama", 4, "model", "is not a section that names its family"),
    _edit("section for a value", "layers: 2", "layers: {a: 1}", 6, "model.layers", "found a section"),
    _edit("word for a list", "betas: [0.9, 0.95]", "betas: 0.9", 16, "training.optimizer.betas", "expected a list", "write `[...]`"),
    _edit("a list too short", "betas: [0.9, 0.95]", "betas: [0.9]", 16, "training.optimizer.betas", "has too few values, found [0.9]"),
    _edit("a list too long", "betas: [0.9, 0.95]", "betas: [0.9, 0.95, 1]", 16, "training.optimizer.betas", "has 3 values, at most 2 are allowed"),
    _edit("a bad list item", "betas: [0.9, 0.95]", "betas: [0.9, x]", 16, "training.optimizer.betas[1]", "expected a number, found 'x'"),
    _edit("an empty list", "precision: fp32", "sample: {prompts: []}", 20, "training.sample.prompts", "has too few values"),
    _edit("an unknown unit", "warmup: 5 steps", "warmup: 5 stepps", 19, "training.schedule.warmup", "expected an amount, found '5 stepps'", "100 steps"),
    _edit("words for a number with a unit", "sequences: 8", "sequences: eight", 14, "training.batch.sequences", "expected a count, found 'eight'", "500K"),
    _edit("list for an amount", "warmup: 5 steps", "warmup: [5]", 19, "training.schedule.warmup", "found a list"),
    _edit("an empty name", "mixture: python", 'mixture: ""', 12, "data.mixture", "at least 1 character", "a text that is not empty"),
)

NUMBERS = (
    _edit("zero", "layers: 2", "layers: 0", 6, "model.layers", "expected more than 0, found 0", "write more than 0"),
    _edit("negative", "layers: 2", "layers: -1", 6, "model.layers", "found -1"),
    _edit("2**70", "layers: 2", f"layers: {2**70}", 6, "model.layers", "expected at most 10000", "write at most 10000"),
    _edit("2**70 with a unit type", "steps: 20", f"steps: {2**70}", 15, "training.steps", "does not fit in 64 bits"),
    _edit("1e400", "lr: 1e-3", "lr: 1e400", 16, "training.optimizer.lr", "expected a finite number"),
    _edit("1e400 for a count", "vocab_size: 64", "vocab_size: 1e400", 10, "model.vocab_size", "expected a whole number, found inf"),
    _edit("nan", "lr: 1e-3", "lr: .nan", 16, "training.optimizer.lr", "expected a finite number, found nan"),
    _edit("inf", "lr: 1e-3", "lr: .inf", 16, "training.optimizer.lr", "expected a finite number, found inf"),
    _edit("negative inf", "lr: 1e-3", "lr: -.inf", 16, "training.optimizer.lr", "expected a finite number, found -inf"),
    _edit("five thousand digits", "layers: 2", f"layers: {'9' * 5000}", 6, "model.layers", "expected a whole number, found '999", "..."),
    _edit("e5", "layers: 2", "layers: e5", 6, "model.layers", "expected a whole number, found 'e5'"),
    _edit("an unknown suffix", "steps: 20", "steps: 20Q", 15, "training.steps", "expected a count, found '20Q'"),
    _edit("a broken count", "steps: 20", "steps: 1.5", 15, "training.steps", "expected a whole number, found 1.5"),
    _edit("lr of a thousand", "lr: 1e-3", "lr: 1000", 16, "training.optimizer.lr", "less than 100"),
    _edit("beta of one", "[0.9, 0.95]", "[0.9, 1.0]", 16, "training.optimizer.betas[1]", "expected less than 1, found 1"),
    _edit("ZeRO 4", "data: 2", "zero: 4", 21, "parallelism.zero", "expected at most 3, found 4", "at most 3"),
    _edit("data of zero", "data: 2", "data: 0", 21, "parallelism.data", "expected at least 1, found 0"),
    _edit("saving every 0 steps", "every: 10 steps", "every: 0 steps", 22, "checkpoint.every", "expected at least 1", "say how often"),
    _edit("a negative warm-up", "warmup: 5 steps", "warmup: -5 steps", 19, "training.schedule.warmup", "expected an amount of at least 0"),
    _edit("a seed below zero", "precision: fp32", "seed: -1", 20, "training.seed", "found -1"),
)

SYNTAX = (
    _edit("twice", "layers: 2", "layers: 2\n  layers: 3", 7, "model.layers", "is said twice; first on line 6", "remove one"),
    _edit("a section twice", "tracking:", "data: {mixture: python}\ntracking:", 23, "data", "is said twice; first on line 12"),
    _edit("twice in braces", "{sequences: 8}", "{sequences: 8, sequences: 9}", 14, "training.batch.sequences", "is said twice"),
    _edit("tab", "  layers: 2", "\tlayers: 2", 6, "a tab", "indent with spaces"),
    _edit("tab after spaces", "  layers: 2", "  \tlayers: 2", 6, "a tab", "indent with spaces"),
    _edit("an open brace", "{sequences: 8}", "{sequences: 8", 14, "a `{` that is not closed", "close it with `}`"),
    _edit("an open bracket", "[0.9, 0.95]", "[0.9, 0.95", 16, "a `[` that is not closed", "close it with `]`"),
    _edit("an open quote", "system: Test", 'system: "Test', 2, "a quote that is not closed", "close the quote"),
    _edit("no space after the colon", "layers: 2", "layers:2", 6, "no `key: value`", "a space after the colon"),
    _edit("a second colon", "system: Test", "system: Test: this", 2, "a second `:`", "quotes"),
    _edit("bad indentation", "  layers: 2", "   layers: 2", 6, "is not YAML", "indent"),
    _edit("too little indentation", "  layers: 2", " layers: 2", 6, "is not YAML", "indent"),
    _edit("an alias", "layers: 2\n  hidden_size: 48", "layers: &n 2\n  hidden_size: *n", 7, "model.hidden_size", "a YAML alias", "write the value out"),
    _edit("an alias of nothing", "system: Test", "system: *test", 2, "begins with `*`", "quotes"),
    _edit("a tag", "system: Test", "system: !test Test", 2, "system", "YAML tag !test", "remove the tag"),
    _edit("a standard tag", "layers: 2", 'layers: !!int "2"', 6, "model.layers", "YAML tag !!int", "remove the tag"),
    _edit("a dangerous tag", "system: Test", "system: !!python/object/apply:os.system [ls]", 2, "system", "YAML tag !!python/object/apply:os.system"),
    _edit("a merge key", "data: {mixture: python, sequence_length: 32}", "data: &d {mixture: python, sequence_length: 32}\nx: {<<: *d}", 13, "x", "merge keys are not read", "write the keys out"),
    _edit("a key that is a list", "system: Test", "? [a, b]\n: 1", 2, "a key must be a word, found a list"),
    _edit("an empty key", "system: Test", '"": 1', 2, "a key must be a word"),
    _edit("a backquote", "system: Test", "system: `Test`", 2, "cannot start any token", "quotes"),
    _edit("a percent sign", "system: Test", "system: %Test", 2, "cannot start any token", "quotes"),
    _page("empty", "", 1, "the page is empty", "start from a page that ships"),
    _page("only comments", "# one\n# two\n", 1, "the page is empty"),
    _page("only the document mark", "---\n", 1, "the page is empty"),
    _page("only null", "null\n", 1, "found the single value 'null'"),
    _page("a list", "- model: 1\n- data: 2\n", 1, "expected `key: value` lines, found a list"),
    _page("a word", "llama\n", 1, "expected `key: value` lines, found the single value 'llama'"),
    _page("JSON lines", '{"a": 1}\n{"b": 2}\n', 2, "more text after the end"),
    _page("two documents", GOOD + "---\n" + GOOD, 24, "a second one starts here", "remove the line `---`"),
    _page("Latin-1", GOOD.replace("Test", "Prüfung").encode("latin-1"), 2, "byte 0xfc is not UTF-8", "save the file as UTF-8"),
    _page("UTF-16", GOOD.encode("utf-16"), 1, "byte 0xff is not UTF-8"),
    _page("compressed", b"\x1f\x8b\x08\x00" + bytes(range(256)), 1, "is not UTF-8"),
    _page("a control character", GOOD.replace("Test", "Te\x07st"), 2, "the character U+0007 is not allowed", "delete it"),
    _page("nested deeply", "a: " + "[" * 3000 + "]" * 3000, 1, "nested too deeply"),
    _page("very large", "# " + "x" * 2**21, 1, "a page holds at most"),
    _page("a byte-order mark before a mistake", ("\ufeff" + GOOD.replace("layers", "layrs")).encode(), 6, "model.layrs"),
    _page("Windows line ends before a mistake", GOOD.replace("layers", "layrs").replace("\n", "\r\n"), 6, "model.layrs"),
)

RULES = (
    _edit("neither tokens nor steps", "  steps: 20\n", "", 13, "training", "says neither `tokens` nor `steps`", "`steps: 1000`"),
    _edit("tokens and steps", "steps: 20", "steps: 20\n  tokens: 1M", 13, "training", "says both `tokens` and `steps`", "remove one"),
    _edit("no optimizer", "  optimizer: {name: adamw, lr: 1e-3, betas: [0.9, 0.95]}\n", "", 13, "training.optimizer", "is missing", "add `optimizer: {name: ..., lr: ...}`"),
    _edit("no data", "data: {mixture: python, sequence_length: 32}\n", "", 2, "data", "is missing"),
    _edit("no model", GOOD[GOOD.index("model:") : GOOD.index("data:")], "", 2, "model", "families: bloom, gpt_neox, llama, mixtral", "add `model: {family: llama, ...}`"),
    _edit("heads that do not divide", "heads: 4", "heads: 5", 4, "model", "hidden_size 48 is not a multiple of heads 5", "write heads: 4"),
    _edit("heads of odd width", "heads: 4", "heads: 16", 4, "model", "heads of odd width 3", "write hidden_size: 64"),
    _edit("kv_heads that do not divide", "heads: 4", "heads: 4\n  kv_heads: 3", 4, "model", "heads 4 is not a multiple of kv_heads 3", "write kv_heads: 2"),
    _edit("a floor above the peak", "warmup: 5 steps", "min_lr: 0.1", 13, "training", "schedule.min_lr 0.1 is above optimizer.lr 0.001", "write min_lr: 0.0001"),
    _edit("a decay for a constant", "name: cosine", "name: constant\n    decay: 10 steps", 17, "training.schedule", "schedule constant has no decay length", "remove `decay`"),
    _edit("a decay inside the warm-up", "warmup: 5 steps", "warmup: 5 steps\n    decay: 3 steps", 20, "training.schedule.decay", "the warm-up of 5 steps is not over", "beyond the warm-up"),
    _edit("a ramp from above", "{sequences: 8}", "{sequences: 8, ramp_up: {start: 16, step: 4, samples: 100}}", 14, "training.batch", "ramp_up starts at 16, above sequences 8"),
    _edit("a ramp that misses the batch", "{sequences: 8}", "{sequences: 8, ramp_up: {start: 2, step: 4, samples: 100}}", 14, "training.batch", "in steps of 4, which does not divide 6", "write step: 2"),
    _edit("a ramp of a million steps", "{sequences: 8}", "{sequences: 1_000_001, ramp_up: {start: 1, step: 1, samples: 1T}}", 14, "training.batch", "1,000,000 increments, at most 10,000", "a step of at least 100"),
    _edit("wrong published count", "43_248", "43_249", 3, "published.parameters", "says 43,249, and the model of this page has 43,248 (-1)"),
    _edit("Megatron's order of data that is not all there", "sequence_length: 32", "sequence_length: 32, live: true, order: megatron", 12, "data.order", "megatron shuffles all documents at once, and with data.live they are not all there", "leave out order, or write live: false"),
    _edit("packed documents in Megatron's order", "sequence_length: 32", "sequence_length: 32, packing: best_fit, order: megatron", 12, "data.packing", "best_fit puts whole documents into samples, and order megatron cuts a stream of them", "leave out packing, or leave out order"),
    _edit("packed documents that are not all there", "sequence_length: 32", "sequence_length: 32, packing: best_fit, live: true", 12, "data.packing", "packs the documents of whole shards, and with data.live they are not all there", "leave out packing, or write live: false"),
    Bad(name="packed documents in sequences that grow", line=12, verb="check", exit=2, says=("data.packing", "packs samples of one length, and the schedule of mixture 'mixture' has sequences of 16, 32 tokens", "leave out packing, or leave sequence_length out of the schedule"),
        edits=(("mixture: python, sequence_length: 32", "mixture: {folder}/mixture.yaml, sequence_length: 32, packing: best_fit"),),
        mixture_edits=(("validation:", "schedule: [{until: 64 samples, sequence_length: 16}, {}]\nvalidation:"),)),
    _edit("live data that lies elsewhere", "sequence_length: 32", "sequence_length: 32, live: true, prepared: s3://bucket/data", 12, "data.prepared", "s3://bucket/data was prepared elsewhere", "leave out prepared, or write live: false"),
    Bad(name="live data without weights", line=12, verb="check", exit=2, says=("data.live", "gives none to code", "write a weight at each of them"),
        edits=(("mixture: python, sequence_length: 32", "mixture: {folder}/mixture.yaml, sequence_length: 32, live: true"),),
        mixture_edits=((", weight: 1}", "}"),)),
    _edit("a sequence beyond the positions", "sequence_length: 32", "sequence_length: 128", 12, "data.sequence_length", "128 exceeds the model's 64 positions", "write sequence_length: 64"),
)

PLANS = (
    _edit("a batch that data does not divide", "data: 2", "data: 3", 14, "training.batch.sequences", "the batch of 8 sequences is not a multiple of micro_batch 1 x data 3 = 3", "nearest batches: 6 or 9", "write data: 2", verb="plan", exit=3),
    _edit("a batch that micro-batches do not divide", "data: 2", "data: 2, micro_batch: 3", 14, "training.batch.sequences", "micro_batch 3 x data 2 = 6", "nearest batches: 6 or 12", "legal micro_batch with data 2: 1, 2, 4", verb="plan", exit=3),
    _edit("a ramp step that does not divide", "{sequences: 8}", "{sequences: 8, ramp_up: {start: 2, step: 3, samples: 100}}", 14, "training.batch.ramp_up", "the batch of 5 sequences that the ramp-up takes from step 26", "data 2 = 2", verb="plan", exit=3),
    _edit("more devices than there are", "data: 2", "data: 32", 21, "parallelism.data", "data 32 x tensor 1 x pipeline 1 = 32 devices are asked for and the cluster has 16", "write data: 8", verb="plan", exit=3),
    _edit("tensor parallelism on deepspeed", "data: 2", "data: 2, tensor: 2", 21, "parallelism.tensor", "engine deepspeed has no tensor parallelism, found degree 2", "write tensor: 1", verb="plan", exit=3),
    _edit("pipeline parallelism on deepspeed", "data: 2", "pipeline: 2", 21, "parallelism.pipeline", "no pipeline parallelism", "write pipeline: 1", verb="plan", exit=3),
    _edit("two ranks of the reference", "engine: deepspeed", "engine: reference", 21, "parallelism.data", "engine reference has no data parallelism, found degree 2; engine deepspeed can", verb="plan", exit=3),
    _edit("ZeRO on the reference", "engine: deepspeed, data: 2", "engine: reference, zero: 3", 21, "parallelism.zero", "engine reference has no ZeRO stage 3", "engine: deepspeed", verb="plan", exit=3),
    _edit("offload on the reference", "engine: deepspeed, data: 2", "engine: reference, offload: optimizer", 21, "parallelism.offload", "engine reference cannot offload", verb="plan", exit=3),
    _edit("offload without ZeRO", "data: 2", "data: 2, zero: 0, offload: optimizer", 21, "parallelism.offload", "needs ZeRO stage 1 or more, found stage 0", "write zero: 1", verb="plan", exit=3),
    _edit("offload of parameters below ZeRO 3", "data: 2", "data: 2, zero: 2, offload: parameters", 21, "parallelism.offload", "needs ZeRO stage 3 or more, found stage 2", "write zero: 3", verb="plan", exit=3),
    Bad(name="Adafactor and ZeRO 3", verb="plan", exit=3, line=21, says=("parallelism.zero", "optimizer adafactor keeps row and column sums", "write zero: 0"),
        edits=(("{name: adamw, lr: 1e-3, betas: [0.9, 0.95]}", "{name: adafactor, lr: 1e-3}"), ("data: 2", "data: 2, zero: 3"))),
    Bad(name="Adafactor and offload", verb="plan", exit=3, line=21, says=("parallelism.offload", "write offload: none; optimizer adafactor allows no ZeRO"),
        edits=(("{name: adamw, lr: 1e-3, betas: [0.9, 0.95]}", "{name: adafactor, lr: 1e-3}"), ("data: 2", "data: 2, offload: optimizer"))),
    Bad(name="bf16 on V100", verb="plan", exit=3, line=20, says=("training.precision", "V100-32GB has no bf16; it supports fp32", "write precision: fp32"),
        edits=(("precision: fp32", "precision: bf16"),), cluster_edits=(("A100-80GB", "V100-32GB"),)),
    Bad(name="a model that does not fit", verb="plan", exit=3, line=21, says=("parallelism", "does not fit", "per rank (weights", "ZeRO 0", "it fits with parallelism: {zero: 3}"),
        edits=(("published: {parameters: 43_248}\n", "\n"), ("layers: 2", "layers: 60"), ("hidden_size: 48", "hidden_size: 4096"), ("heads: 4", "heads: 32"), ("ffn_size: 64", "ffn_size: 11008"),
               ("data: 2", "data: 8, zero: 0"))),
    Bad(name="a model that fits nowhere", verb="plan", exit=3, line=21, says=("parallelism", "does not fit", "take a smaller model or larger devices"),
        edits=(("published: {parameters: 43_248}\n", "\n"), ("layers: 2", "layers: 10000"), ("hidden_size: 48", "hidden_size: 65536"), ("heads: 4", "heads: 32"), ("ffn_size: 64", "ffn_size: 262144"))),
    Bad(name="a micro-batch that does not fit", verb="plan", exit=3, line=21, says=("micro-batch 4096", "it fits with parallelism: {micro_batch: 1}"),
        edits=(("published: {parameters: 43_248}\n", "\n"), ("vocab_size: 64", "vocab_size: 128K"), ("max_positions: 64", "max_positions: 8192"), ("sequence_length: 32", "sequence_length: 8192"), ("sequences: 8", "sequences: 8192"), ("data: 2", "data: 2, micro_batch: 4096"))),
)

OVERRIDES = (
    _set("no equals sign", "training.steps", "expected dotted.path=value", 'SET="training.steps=20'),
    _set("no key", "=3", "expected dotted.path=value"),
    _set("an empty step in the path", "training..steps=3", "expected dotted.path=value"),
    _set("no value", "training.steps=", "training.steps", "there is no value after the `=`", "training.steps=null"),
    _set("an open quote", "system='Test", "SET system='Test", "a quote that is not closed", "close the quote"),
    _set("spaces around the sign", "training.steps = 3", "expected dotted.path=value", "a value with spaces needs quotes"),
    _set("unknown key", "training.stepz=3", "SET training.stepz=3", "training.stepz", "unknown key", "write `steps`"),
    _set("unknown section", "trainig.steps=3", "SET trainig.steps=3", "trainig", "write `training`"),
    _set("into a scalar", "model.layers.x=3", "model.layers is a single value", "override model.layers as a whole"),
    _set("into a list", "training.optimizer.betas.0=0.5", "training.optimizer.betas is a single value or a list"),
    _set("wrong type", "model.layers=two", "SET model.layers=two", "model.layers", "expected a whole number, found 'two'"),
    _set("out of bounds", "parallelism.zero=7", "parallelism.zero", "expected at most 3, found 7"),
    _set("a broken list", "training.optimizer.betas=[0.9", "training.optimizer.betas", "the value stops inside a bracket", "close the bracket"),
    _set("a duplicate in braces", "checkpoint={every: 1, every: 2}", "the value stops inside a bracket", "quotes of its own"),
    _set("a duplicate in quoted braces", "'checkpoint={every: 1, every: 2}'", "checkpoint", "is said twice"),
    _set("unknown family", "model.family=gpt", "SET model.family=gpt", "model.family", "unknown model family 'gpt'"),
    _set("unknown mixture", "data.mixture=pythn", "SET data.mixture=pythn", "data.mixture", "write `python`"),
    _set("a yes", "model.tie_embeddings=yes", "expected true or false, found 'yes'", "write true"),
    _set("a huge number", "training.steps=1e400", "training.steps", "expected a whole number, found inf"),
    _set("the wrong optimizer's key", "training.optimizer.clip_update=1", "training.optimizer.clip_update", "unknown key"),
    _set("a rule broken", "parallelism.tensor=2", "SET parallelism.tensor=2", "parallelism.tensor", "no tensor parallelism", verb="plan", exit=3),
    _set("a batch made illegal", "training.batch.sequences=7", "SET training.batch.sequences=7", "training.batch.sequences", "the batch of 7", verb="plan", exit=3),
    _set("two mistakes at once", "model.layers=0 training.precision=int8", "SET model.layers=0", "SET training.precision=int8", "found 'int8'"),
)

CLUSTERS = (
    _cluster("typo", "count:", "cuont:", 4, "node.cuont", "write `count`"),
    _cluster("no count", "  count: 8\n", "", 1, "node.count is missing: how many A100-80GB are in one node", "add `count: 8` under node"),
    _cluster("unknown accelerator", "A100-80GB", "A100-80", 3, "node.accelerator", "unknown accelerator 'A100-80'; did you mean 'A100-80GB'?", "write `A100-80GB`, or describe yours", exit=3),
    _cluster("accelerator of one's own without peak", "A100-80GB", "MyChip", 3, "node.accelerator", "add `memory: 80GB` and `peak_tflops: {bf16: 300}`", exit=3),
    _cluster("local on two nodes", "A100-80GB", "local", 1, "2 nodes of `accelerator: local`", "name the accelerator"),
    _cluster("no nodes", "nodes: 2", "nodes: 0", 1, "nodes", "expected more than 0"),
    _cluster("a bandwidth without sense", "300GB", "fast", 5, "node.links.bandwidth", "expected a size, found 'fast'", "512MiB, 80GiB or 2TB"),
    _cluster("a negative price", "1.5", "-1", 7, "price_per_device_hour", "expected at least 0, found -1"),
    _cluster("a precision nobody knows", "count: 8", "count: 8\n  peak_tflops: {fp64: 10}", 5, "node.peak_tflops.fp64", "allowed: fp32, fp16, bf16, fp8"),
    _cluster("a peak of zero", "count: 8", "count: 8\n  peak_tflops: {bf16: 0}", 5, "node.peak_tflops.bf16", "expected more than 0, found 0"),
    _cluster("half a switch", "nodes: 2", "nodes: 2\nreliability: {nodes_per_switch: 16}", 2, "reliability", "switch_failures_per_1000_switch_days is missing", "add `switch_failures_per_1000_switch_days:`"),
    _cluster("a repair of words", "nodes: 2", "nodes: 2\nreliability: {repair: a day}", 2, "reliability.repair", "expected a duration, found 'a day'", "30s, 10m, 2h or 1d"),
    _cluster("storage misspelt", "nodes: 2", "nodes: 2\nstorage: {write_bandwith: 2TB}", 2, "storage.write_bandwith", "write `write_bandwidth`"),
    _cluster("a port", "nodes: 2", "nodes: 2\nray: {dashboard_port: 99999}", 2, "ray.dashboard_port", "expected less than 65536"),
    _cluster("a run page as a cluster", CLUSTER, GOOD, 4, "model", "this is a run page, and a cluster page is wanted here", "pass it as SPEC"),
    _cluster("empty", CLUSTER, "", 1, "the page is empty"),
)

MIXTURES = (
    _mixture("typo", "weight: 1}", "wieght: 1}", 2, "sources[0].wieght", "write `weight`"),
    _mixture("unknown kind", "python_installation", "python", 2, "sources[0].kind", "found 'python'; allowed: code_folder, collection, files"),
    _mixture("no kind", "kind: python_installation, ", "", 2, "sources[0].kind", "is missing"),
    _mixture("a recipe nobody knows", "sources:", "recipe: root\nsources:", 1, "recipe", "unknown recipe 'root'", "roots"),
    _mixture("a schedule without an end", "tokenizer:", "schedule: [{weights: {code: 1}}, {weights: {code: 1}}]\ntokenizer:", 3, "schedule", "has no end"),
    _mixture("a schedule of strangers", "tokenizer:", "schedule: [{weights: {cod: 1}}]\ntokenizer:", 3, "schedule", "unknown source 'cod'; did you mean 'code'"),
    _mixture("a weight of zero", "weight: 1", "weight: 0", 2, "sources[0].weight", "expected more than 0, found 0"),
    _mixture("a name with a slash", "name: code", "name: a/b", 2, "sources[0].name", "found 'a/b'", "use letters, digits"),
    _mixture("a part nobody knows", "[library]", "[libary]", 2, "sources[0].parts[0]", "found 'libary'", "write `library`"),
    _mixture("no sources", MIXTURE[: MIXTURE.index("tokenizer")], "sources: []\n", 1, "sources", "has too few values, found []"),
    _mixture("sources without a list", MIXTURE[: MIXTURE.index("tokenizer")], "sources: {name: a}\n", 1, "sources", "expected a list"),
    _mixture("the same name twice", "tokenizer:", "  - {name: Code, kind: python_installation, parts: [packages], limit: 1MB, weight: 1}\ntokenizer:", 1, "two sources are called 'code'", "its own name"),
    _mixture("a tokenizer of two kinds", "train: byte_bpe,", "train: byte_bpe, file: t.json,", 3, "tokenizer", "say either `train` or `file`"),
    _mixture("a vocabulary below the bytes", "vocab_size: 300", "vocab_size: 100", 3, "tokenizer.vocab_size", "expected at least 257, found 100"),
    _mixture("a validation of everything", "0.05", "1.0", 4, "validation.fraction", "expected at most 0.5, found 1"),
)

SWAPPED = (
    _page("a cluster page as a run page", CLUSTER, 1, "nodes", "this is a cluster page, and a run page is wanted here", "pass it as CLUSTER"),
    _page("a mixture page as a run page", MIXTURE, 1, "sources", "this is a mixture page", "data: {mixture: ...}"),
)

CASES = {
    "typos": TYPOS, "names": NAMES, "types": TYPES, "numbers": NUMBERS, "syntax": SYNTAX, "rules": RULES, "plans": PLANS,
    "overrides": OVERRIDES, "clusters": CLUSTERS, "mixtures": MIXTURES, "swapped": SWAPPED,
}  # fmt: skip
