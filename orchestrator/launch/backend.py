"""The process group of a gang, set up without torch in the driver or the controller.

`TorchTrainer` is `DataParallelTrainer` with `TorchConfig`, whose module imports torch: 2.4 s in the driver
and again in the controller, one after the other, before the first worker exists. This backend does the same
steps with Ray's own functions, but they run, and import torch, in the workers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ray.train.backend import Backend, BackendConfig

SHUTDOWN_S = 10.0


@dataclass
class GangConfig(BackendConfig):
    """`backend`: gloo or nccl. `timeout_s`: how long a collective may take before it fails."""

    backend: str = "gloo"
    timeout_s: int = 1800

    @property
    def backend_cls(self) -> type[Backend]:
        return GangBackend

    def to_dict(self) -> dict[str, Any]:
        return {"backend": self.backend, "timeout_s": self.timeout_s}


class GangBackend(Backend):
    """Rendezvous at rank 0's address; every GPU of a node visible to all its workers, as NCCL wants it."""

    share_cuda_visible_devices = True

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        import ray
        from ray.train._internal.utils import get_address_and_port

        address, port = worker_group.execute_single(0, get_address_and_port)
        size = len(worker_group)
        ray.get([
            worker_group.execute_single_async(
                rank, join, address, port, backend_config.backend, rank, size, backend_config.timeout_s
            )
            for rank in range(size)
        ])  # fmt: skip

    def on_shutdown(self, worker_group: Any, backend_config: Any) -> None:
        import ray

        futures = worker_group.execute_async(leave)
        ray.wait(futures, num_returns=len(futures), timeout=SHUTDOWN_S)


def join(address: str, port: int, backend: str, rank: int, size: int, timeout_s: int) -> None:
    """In a worker: the variables that torchrun would set, the device, and the default process group."""
    import os

    from ray.train.torch import config

    os.environ.update(MASTER_ADDR=address, MASTER_PORT=str(port))
    config._set_torch_distributed_env_vars()
    with config.TorchConfigContextManager():
        config._setup_torch_process_group(backend, rank, size, "env://", timeout_s)


def leave() -> None:
    """In a worker that still lives: the group may be gone already, by the training function's own hand."""
    from ray.train.torch.config import _shutdown_torch

    _shutdown_torch(destroy_process_group=True)
