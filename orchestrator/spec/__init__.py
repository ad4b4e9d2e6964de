"""What a person says: one page about the run, one page about the hardware.

    run.py      RunSpec: model, data, training, parallelism, checkpoint, tracking
    training.py the sections that decide convergence: batch, optimizer, schedule, precision
    cluster.py  ClusterSpec: nodes, devices, links, price, how Ray is reached
    load.py     files and overrides -> specs
    compare.py  which differences between two runs make another experiment, and which do not
    schema.py   JSON Schemas of both pages, for editors
"""

from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.load import LoadedCluster, LoadedRun, load_cluster, load_run
from orchestrator.spec.run import RunSpec

__all__ = ["ClusterSpec", "LoadedCluster", "LoadedRun", "RunSpec", "load_cluster", "load_run"]
