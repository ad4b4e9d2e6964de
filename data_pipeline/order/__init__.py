"""Which tokens each training sample holds: the project's own order, Megatron's, and how documents are packed.

samples.py     SampleOrder: sample index -> (source, epoch, first token), and back; the way in
schedule.py    stages, caps and admissions -> segments
segments.py    within a segment: sample <-> (source, rank of a chunk, part of it)
extents.py     within a source: rank <-> (epoch, chunk)
shuffle.py     permutations that are computed, not stored
validation.py  which held-out windows a run is judged on
"""

from data_pipeline.order.samples import SampleOrder
from data_pipeline.order.schedule import LARGEST_BLOCK, Admission, Stage
from data_pipeline.order.validation import validation_windows

__all__ = ["LARGEST_BLOCK", "Admission", "SampleOrder", "Stage", "validation_windows"]
