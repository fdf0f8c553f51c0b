"""What can be done with a trained generator. Each tool knows only the generator's protocol."""
