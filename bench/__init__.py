"""Where the README's figures come from: `python -m bench` prints each beside its yardstick and writes JSON."""
