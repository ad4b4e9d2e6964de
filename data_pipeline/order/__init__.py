"""Which tokens each training sample holds: the project's own order, Megatron's, and how documents are packed.

samples.py     SampleOrder: sample index -> (source, epoch, first token), and back; the way in
schedule.py    stages, caps and admissions -> segments
shares.py      weights -> whole numbers of chunks
segments.py    within a segment: sample <-> (source, rank of a chunk, part of it)
extents.py     within a source: rank <-> (epoch, chunk)
shuffle.py     permutations that are computed, not stored
validation.py  which held-out windows a run is judged on
forecast.py    what a run will take from each source, before it begins
packing.py     where documents meet inside a sample: cu_seqlens, positions
best_fit.py    documents packed whole into samples
kept.py        arrays worked out once and kept
megatron.py    Megatron's own order; megatron_blend.py which source its samples come from
"""

from data_pipeline.order.forecast import SourceForecast, forecast
from data_pipeline.order.samples import SampleOrder
from data_pipeline.order.schedule import Admission, Stage
from data_pipeline.order.validation import validation_windows

__all__ = ["Admission", "SampleOrder", "SourceForecast", "Stage", "forecast", "validation_windows"]
