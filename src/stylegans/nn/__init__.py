"""The papers' mechanisms as layers, one to a file."""
