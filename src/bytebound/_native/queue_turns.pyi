from typing import Any, final

from typing_extensions import disjoint_base

from bytebound._native.evicting import EvictingContainer

@disjoint_base
class QueueTurns(EvictingContainer):
    @property
    def high_water(self) -> Any: ...
    @property
    def low_water(self) -> Any: ...

@final
class Task:
    def __new__(cls, queue: QueueTurns) -> Task: ...

@final
class Summons:
    def __new__(cls, task: Task) -> Summons: ...
    def __call__(self, *args: Any, **kwargs: Any) -> None: ...
    def __del__(self) -> None: ...
