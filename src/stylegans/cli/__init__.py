"""The command line: one small module per verb, which parses and draws, nothing more."""
