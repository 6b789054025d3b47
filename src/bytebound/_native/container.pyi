from typing import NamedTuple

from typing_extensions import disjoint_base

from bytebound._native.budget import Budget, Member

class Audit(NamedTuple):
    charged: int
    measured: int
    drift: int

@disjoint_base
class BoundedContainer(Member):
    @property
    def budget(self) -> Budget | None: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def peak_nbytes(self) -> int: ...
