"""Drives a training: continues it, saves it, measures it, reports it."""
