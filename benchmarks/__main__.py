"""``python -m benchmarks``: run all benchmarks, one after the other."""

from . import conv, goal, loading, numpy_vae

BENCHMARKS = [loading, goal, conv, numpy_vae]  # modules with a main() that prints its table

for benchmark in BENCHMARKS:
    benchmark.main()
