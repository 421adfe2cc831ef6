"""The network edge: one file per way in or out. What goes wrong is Temporary (try again) or Permanent (do not)."""


class Temporary(Exception):
    """It may work later."""


class Permanent(Exception):
    """It will not work however often it is tried."""
