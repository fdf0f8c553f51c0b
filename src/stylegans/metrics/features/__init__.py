"""The networks that metrics see with, and where their weights come from."""
