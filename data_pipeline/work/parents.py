"""Ending with the process that started this one.

Who is killed cannot end what it has started; that would go on, unseen, and be in the way of the next attempt. Who lives on
and wants an end at once lets go of a leash, the other end of a pipe: a shared event deadlocked when one of its holders was
killed (docs/log.md).
"""

from __future__ import annotations

import os
import threading
import time
from multiprocessing.connection import Connection


def live_with(parent: int, leash: Connection | None = None) -> None:
    """From now on a thread ends this process, at once, when `parent` is no longer the process that it hangs on.

    Or, where there is a `leash`, when the other end of it is closed.
    """

    def let_go() -> bool:
        if leash is not None:
            return leash.poll(1)
        time.sleep(1)
        return False

    def watch() -> None:
        while os.getppid() == parent and not let_go():
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
