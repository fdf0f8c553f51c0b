"""The objectives as pure functions: scores and pictures in, one value per sample out."""
