"""The training of two players: what is minimised, when, and everything it remembers."""
