"""Triton kernels: each computes what an op of the same name does in plain PyTorch, and ``dispatch`` says when."""
