"""The C interface, from an extension built against the package as installed."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import bytebound
from bytebound import Budget, BudgetExceededError, MemoryPool, PoolExhaustedError

SOURCE = Path(__file__).parents[1] / "clients" / "pool_client.pyx"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if importlib.util.find_spec("Cython") is None:
        pytest.skip("Cython is not installed")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler on PATH")
    folder = tmp_path_factory.mktemp("client")
    generated = folder / "pool_client.c"
    built = folder / f"pool_client{sysconfig.get_config_var('EXT_SUFFIX')}"
    packages = Path(bytebound.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-m", "cython", "-I", packages, SOURCE, "-o", generated], check=True
    )
    includes = [
        f"-I{folder}" for folder in (sysconfig.get_path("include"), bytebound.get_include())
    ]
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror=incompatible-pointer-types"]
    subprocess.run([compiler, *flags, *includes, generated, "-o", built], check=True)
    spec = importlib.util.spec_from_file_location("pool_client", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_headers_are_where_the_package_says() -> None:
    include = Path(bytebound.get_include())
    assert (include / "bytebound" / "pool_api.h").is_file()
    assert (include / "bytebound" / "pool.h").is_file()
    assert (include.parent / "pool_api.pxd").is_file()


def test_memory_of_another_extension_is_counted(client: Any) -> None:
    assert client.version() == 1
    pool = MemoryPool("1MiB")
    numbers = client.Numbers(pool, 100, 4096)
    assert pool.requested_nbytes == 800
    assert numbers.address() % 4096 == 0
    assert [numbers[i] for i in range(100)] == [0] * 100
    numbers[99] = 7
    numbers.resize(10_000)
    assert (numbers[99], pool.requested_nbytes) == (7, 80_000)
    numbers.resize(50)
    assert pool.requested_nbytes == 400
    pool._validate()
    del numbers
    assert pool.requested_nbytes == 0


def test_the_bound_holds_for_another_extension(client: Any) -> None:
    pool = MemoryPool("64KiB")
    with pytest.raises(PoolExhaustedError):
        client.Numbers(pool, 100_000)
    numbers = client.Numbers(pool, 100)
    numbers[3] = 5
    with pytest.raises(PoolExhaustedError):
        numbers.resize(100_000)
    assert (numbers[3], pool.requested_nbytes) == (5, 800)
    with pytest.raises(BudgetExceededError):
        client.Numbers(MemoryPool("1MiB", budget=Budget(100)), 1)
    del numbers
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        client.Numbers(pool, 1)


def test_what_is_no_pool_or_no_alignment_is_refused(client: Any) -> None:
    pool = MemoryPool("1MiB")
    assert client.is_pool(pool)
    assert not client.is_pool("pool")
    for other in (None, "pool", bytebound):
        with pytest.raises(TypeError, match="MemoryPool"):
            client.Numbers(other, 1)
    for alignment in (0, 3, 8192):
        with pytest.raises(ValueError, match="alignment"):
            client.Numbers(pool, 1, alignment)
    assert pool.nbytes == 0
