"""Work that is done once: pure jobs, what they left on disk, and who does them.

A preparation of many hours is interrupted sooner or later, and then usually starts over. Here all of it consists of
jobs: each reads named inputs and writes a folder of outputs, which appears under its name only when it is whole. The
name is a hash of what the job does and of the contents of what it reads. So work that was done is found and
never done again, a change is followed by the jobs that it touches and no others, and it does not matter how often a job
was started, by which process or on which machine.

    job.py        what a job is, and what is left of it
    store.py      the folder of finished jobs; wanted.py which of them pages of one name may still need
    parents.py    ending with the process that started this one
    texts.py      documents on disk between jobs
    executor.py   jobs one after another, or in several processes
    ray_data.py   jobs on a Ray cluster (the only importer of ray in the data pipeline)
"""

from data_pipeline.work.executor import Executor, InProcesses, OneByOne
from data_pipeline.work.job import Job, Output, Tick
from data_pipeline.work.store import Store

__all__ = ["Executor", "InProcesses", "Job", "OneByOne", "Output", "Store", "Tick"]
