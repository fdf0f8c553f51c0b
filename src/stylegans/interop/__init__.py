"""Other people's parameters in our networks, and back."""
