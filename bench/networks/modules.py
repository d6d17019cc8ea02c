"""``nn.ModuleList`` with the kind of its modules: type checkers see a sequence of them, Python a plain ModuleList."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from torch import nn

M = TypeVar("M", bound=nn.Module)

if TYPE_CHECKING:

    class Modules(nn.Module, Sequence[M]):
        def __init__(self, modules: Iterable[M] = ()) -> None: ...

        @overload
        def __getitem__(self, index: int) -> M: ...
        @overload
        def __getitem__(self, index: slice) -> Modules[M]: ...
        def __getitem__(self, index: int | slice) -> M | Modules[M]: ...

        def __setitem__(self, index: int, module: M) -> None: ...
        def __len__(self) -> int: ...

else:
    Modules = nn.ModuleList
