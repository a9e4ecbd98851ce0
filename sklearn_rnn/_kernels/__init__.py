"""The time loop on the CPU and Adam's step, compiled with numba: arrays in and out."""
