"""Rows on stdin, llm-analysis's estimates on stdout; runs under the interpreter that has it, and imports nothing of ours."""

import json
import logging
import sys

from llm_analysis import analysis, config

GPUS = {
    "V100-16GB": "v100-sxm-16gb", "V100-32GB": "v100-sxm-32gb", "A100-40GB": "a100-sxm-40gb", "A100-80GB": "a100-sxm-80gb",
    "H100": "h100-sxm-80gb",
}
RECOMPUTE = {"none": 0, "selective": 1, "full": 2}


def answer(row):
    """Its own numbers for devices, or a data sheet's; FLOPs efficiency 0.5 and memory efficiency 0.9 as in its README's examples."""
    if row["context"] > 1 or row["precision"] not in ("fp16", "bf16") or not row["alike"]:
        return {"reason": "it has no context parallelism, no training in 8 bits, and layers of one kind"}
    if row["head_dim"] * row["heads"] != row["hidden"]:
        return {"reason": "its heads are hidden / heads wide"}
    model = config.ModelConfig(
        name="row", num_layers=row["layers"], n_head=row["heads"], hidden_dim=row["hidden"], vocab_size=row["vocab"],
        max_seq_len=row["length"], num_key_value_heads=row["kv_heads"], ffn_embed_dim=row["ffn"],
        expansion_ratio=row["ffn"] / row["hidden"], moe_num_experts=row["experts"], moe_top_k=row["per_token"],
    )
    layout = config.ParallelismConfig(
        tp_size=row["tensor"], pp_size=row["pipeline"], dp_size=row["data"], ep_size=row["expert"],
        sp_size=row["tensor"] if row["sequence_parallel"] else 1,
    )
    if row["device"] in GPUS:
        device = config.get_gpu_config_by_name(GPUS[row["device"]])
    else:
        device = config.GPUConfig(
            name=row["device"], mem_per_GPU_in_GB=row["memory"] / 1e9, hbm_bandwidth_in_GB_per_sec=row["stream"] / 1e9,
            intra_node_bandwidth_in_GB_per_sec=row["link"] / 1e9, intra_node_min_message_latency=8e-6,
            peak_fp16_TFLOPS=row["peak"] / 1e12,
        )
    asked = analysis.LLMAnalysis(
        model, device, config.get_dtype_config_by_name("w16a16e16"), layout,
        flops_efficiency=0.5, hbm_memory_efficiency=0.9,
    )
    # The batch it works out itself where a micro-batch does not fit by its own count; said as accumulation it is kept.
    said = asked.training(
        batch_size_per_gpu=row["micro_batch"], gradient_accumulation_steps=max(1, row["sequences"] // row["data"] // row["micro_batch"]),
        global_batch_size=max(1, row["sequences"] // row["data"] // row["micro_batch"]) * row["data"] * row["micro_batch"],
        seq_len=row["length"], activation_recomputation=analysis.ActivationRecomputation(RECOMPUTE[row["recompute"]]),
        ds_zero=analysis.DSZeRO(row["zero"]), flash_attn=row["fused"], mlp_gated_linear_units=row["gated"],
    )
    whole = row["sequences"] / (said["global_batch_size"] or 1)
    return {"step_s": said["latency_per_iter"] * whole, "peak_bytes": said["(weight+op_state+grad+act)_memory_per_gpu"]}


def main():
    logging.disable(logging.CRITICAL)
    answers = []
    for row in json.load(sys.stdin):
        try:
            answers.append(answer(row))
        except (AssertionError, ValueError, ZeroDivisionError, TypeError, KeyError) as error:
            answers.append({"reason": str(error) or type(error).__name__})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
