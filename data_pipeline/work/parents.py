"""Ending with the process that started this one.

Who is killed cannot end what it has started; that would go on, unseen, and be in the way of the next attempt.
"""

from __future__ import annotations

import os
import threading
import time


def live_with(parent: int) -> None:
    """From now on a thread ends this process, at once, when `parent` is no longer the process that it hangs on."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
