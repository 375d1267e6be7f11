"""The calls of other benchmarks, answered by this one."""
