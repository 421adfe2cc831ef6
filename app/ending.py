"""How a process that runs until it is stopped hears of it."""

import asyncio
import signal


def asked_to_end() -> asyncio.Event:
    """Is set by SIGTERM and SIGINT from now on. Call it in the main thread's running loop.

    A handler of Python's own runs only when the main thread runs again. One that has just gone to wait for a lock, or
    whose signal the kernel gave to another thread, would not: the loop is woken by a socket instead.
    """
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
