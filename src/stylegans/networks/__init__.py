"""The papers' networks, to be read beside the papers."""
