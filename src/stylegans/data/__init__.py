"""Data sets: what a training reads, and what makes, checks and lists them.

``images`` opens a folder or zip for training, ``pipeline`` draws batches from it, ``prepare`` builds one from any
pictures, ``check`` looks one over, ``builtin`` names the embedded ones. Import the module that is needed: this file
imports none, so that ``data list`` loads neither PIL nor PyTorch.
"""
