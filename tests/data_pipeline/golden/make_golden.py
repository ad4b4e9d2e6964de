"""Writes the golden shards with megatron-core's own builder (made with 0.16.1).

    python tests/data_pipeline/golden/make_golden.py

They let the tests compare our bytes with Megatron's on machines that have no megatron-core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DOCUMENTS = [[5, 6, 7, 0], [0], [65499, 1, 0], [*range(300, 340), 0]]


def main() -> None:
    import torch
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

    for name, vocab_size in (("uint16", 65_499), ("int32", 65_500)):
        dtype = DType.optimal_dtype(vocab_size)
        assert np.dtype(dtype).name == name
        builder = IndexedDatasetBuilder(str(HERE / f"{name}.bin"), dtype=dtype)
        for document in DOCUMENTS:
            builder.add_document(torch.tensor(document, dtype=torch.int64), [len(document)])
        builder.finalize(str(HERE / f"{name}.idx"))


if __name__ == "__main__":
    main()
