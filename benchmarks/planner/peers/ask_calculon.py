"""Rows on stdin, calculon's estimates on stdout; its checkout is the argument, and nothing of ours is imported."""

import json
import logging
import sys
from pathlib import Path

SYSTEMS = {"A100-80GB": "systems/a100_80g.json", "H100": "systems/h100_80g_nvl8.json"}
RECOMPUTE = {"none": "none", "selective": "attn_only", "full": "full"}


def answer(calculon, checkout, row):
    """With the system it ships for the device, its capacity lifted so that a run it takes not to fit is timed all the same."""
    from calculon.llm import Llm

    if row["device"] not in SYSTEMS:
        return {"reason": "it ships no such device"}
    if row["experts"] > 1 or row["context"] > 1 or row["zero"] > 1 or row["kv_heads"] != row["heads"] or row["gated"] or not row["alike"]:
        return {"reason": "it has no experts, context parallelism, ZeRO 2 or 3, grouped queries, gated units or layers of several kinds"}
    if row["precision"] not in ("fp16", "bf16"):
        return {"reason": "its systems are of 16 bits"}
    pieces = row["pipeline"] * row["virtual"]
    application = {
        "hidden": row["hidden"], "feedforward": row["ffn"], "seq_size": row["length"], "attn_heads": row["heads"],
        "attn_size": row["head_dim"], "num_blocks": -(-row["layers"] // pieces) * pieces,
    }
    inside = min(row["per_node"], 8)
    node = row["devices"] <= inside
    system = json.loads((checkout / SYSTEMS[row["device"]]).read_text())
    system["mem1"]["GiB"] = 10**6
    within = row["tensor"] <= inside
    execution = {
        "num_procs": row["devices"], "tensor_par": row["tensor"], "pipeline_par": row["pipeline"], "data_par": row["data"],
        "tensor_par_net": 0 if within else 1, "pipeline_par_net": 0 if node else 1, "data_par_net": 0 if node else 1,
        "batch_size": max(1, row["sequences"] // row["data"] // row["micro_batch"]) * row["data"] * row["micro_batch"],
        "microbatch_size": row["micro_batch"], "datatype": "float16", "fused_activation": row["fused"],
        "attention_type": "multihead", "activation_recompute": RECOMPUTE[row["recompute"]],
        "pipeline_interleaving": row["virtual"], "optimizer_sharding": row["zero"] == 1 and row["data"] > 1,
        "tensor_par_comm_type": "rs_ag" if row["sequence_parallel"] else "ar", "tensor_par_overlap": "none",
        "seq_par_ag_redo": row["sequence_parallel"] and row["recompute"] != "full", "data_par_overlap": False,
        "weight_offload": False, "activations_offload": False, "optimizer_offload": False, "training": True,
    }
    for network in system["networks"]:
        network["must_be_filled"] = False
    model = Llm(Llm.Application(application), logging.getLogger())
    asked = calculon.System(system)
    model.compile(asked, Llm.Execution.from_json(execution))
    model.run(asked)
    whole = row["sequences"] / execution["batch_size"]
    return {"step_s": model.get_total_time() * whole, "peak_bytes": model.get_mem_tier1_cap_req()}


def main():
    checkout = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(checkout))
    import calculon

    logging.disable(logging.CRITICAL)
    answers = []
    for row in json.load(sys.stdin):
        try:
            answers.append(answer(calculon, checkout, row))
        except Exception as error:  # its own, assertions and arithmetic of all kinds
            answers.append({"reason": f"{type(error).__name__}: {error}"})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
