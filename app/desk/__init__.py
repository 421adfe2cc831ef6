"""Verbs: what is done with each noun. They check, change and record; whoever calls them owns the transaction."""
