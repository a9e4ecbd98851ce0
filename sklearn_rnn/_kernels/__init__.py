"""The time loop on the CPU, compiled with numba: arrays in, arrays out."""
