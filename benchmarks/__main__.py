"""``python -m benchmarks``: run all benchmarks, one after the other."""

from . import conv, goal, loading

BENCHMARKS = [loading, goal, conv]  # modules with a main() that prints its table

for benchmark in BENCHMARKS:
    benchmark.main()
