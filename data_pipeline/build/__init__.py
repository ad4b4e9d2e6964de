"""The stages of preparation, as jobs.

    plan.py      sources and pages -> blocks in one order, and what is done to each between two barriers
    cleaning.py  a block -> its documents after some steps, and what a survey found in them
    deciding.py  what surveys found -> marks: for a range of keys, then over all of them
    clusters.py  marks -> which documents were copies of which
    sampling.py  texts -> a tokenizer
    writing.py   texts -> shards, and what is on record beside them
    driver.py    all of it in its order, wave after wave
    record.py    what is known of a source when all is done: report.json
"""

from data_pipeline.build.cleaning import Clean, Survey
from data_pipeline.build.deciding import Decide, Join
from data_pipeline.build.driver import build
from data_pipeline.build.sampling import Sample, Train
from data_pipeline.build.writing import Write

__all__ = ["JOBS", "build"]

JOBS = (Clean, Survey, Decide, Join, Sample, Train, Write)
