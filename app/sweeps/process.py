"""Which process this is, in claims, leases and heartbeats."""

import os


def process() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"
