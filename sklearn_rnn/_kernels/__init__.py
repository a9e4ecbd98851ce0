"""The time loop on the CPU, batches and Adam's step, in machine code."""
