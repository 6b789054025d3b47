from typing_extensions import disjoint_base

from bytebound._native.container import BoundedContainer

@disjoint_base
class EvictingContainer(BoundedContainer): ...
