"""NumPy's own tests of multiarray, with the pool as the handler of all array data.

The whole of test_multiarray, test_nditer, test_ufunc, test_umath, test_numeric and
test_regression passes too, but takes minutes; here is what is quick.
"""

from hostile import run_isolated

MODULES = ["test_multiarray", "test_indexing", "test_records", "test_shape_base"]
# Much time, and little to do with where arrays lie.
SLOW = ["TestIO", "sort", "partition", "TestPickling", "TestDot", "TestMatmul", "TestUnicode"]
SLOW += ["CTypes", "lifetime", "TestStats", "TestMinMax", "TestArgmax", "TestComparisons"]


def test_numpys_own_tests_pass_in_a_pool() -> None:
    print(run_isolated("pool_numpy.py", f"not ({' or '.join(SLOW)})", *MODULES))
