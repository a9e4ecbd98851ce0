"""The training loop: skorch lives here and nowhere else."""
