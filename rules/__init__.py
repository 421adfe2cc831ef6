"""What decides: queries, rules and business time. Pure; knows nothing of the web, the session or the network."""
