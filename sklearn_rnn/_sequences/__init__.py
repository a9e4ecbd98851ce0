"""What X and y may be: containers and validation. NumPy only."""
