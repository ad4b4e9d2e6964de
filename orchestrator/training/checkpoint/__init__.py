"""Checkpoints: sharded, atomic, verified, and free of the layout that wrote them.

    manifest.py   what a checkpoint folder holds, and whether it holds it still (no torch)
    planners.py   boxes in the words of torch.distributed.checkpoint
    write.py      boxes -> shards -> manifest
    read.py       any saved layout -> the boxes of any other
    huggingface.py  a Hugging Face folder -> the boxes of any layout
    retention.py  which checkpoints to keep
"""
