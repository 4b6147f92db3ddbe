"""Each module is a command that prints figures of `docs/benchmarks.md` or `docs/learning.md`."""
