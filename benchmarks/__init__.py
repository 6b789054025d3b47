"""What backs the numbers that bytebound states: ``python -m benchmarks``.

Each ``bench_*.py`` is a suite. Its ``run(rounds)`` returns a `benchmarks.report.Suite`; one that
has no ``run`` is a program of its own, started in a child process, and prints its own table.
"""
