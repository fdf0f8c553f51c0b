"""How good the pictures are: features → statistics → value, each a pure function."""
