"""Benchmarks: ratios within one run on one machine, printed as tables and written to data/bench.json."""
