"""How networks hold their features, and the maps ``[N, C, H, W]`` that gates and exits see of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from bench.errors import BadInput


@dataclass(frozen=True)
class Layout:
    """Order of the dimensions of features. Maps and features share their memory.

    Attributes:
        kind: ``maps`` as they are; ``tokens`` ``[N, T, C]``, seen as maps ``T`` high and 1 wide; ``channels last``
            ``[N, H, W, C]``.
    """

    kind: str

    @classmethod
    def of(cls, features: Tensor) -> Layout:
        """That of the features of square images.

        Raises:
            BadInput: they are neither.
        """
        if features.dim() == 3:
            return cls("tokens")
        if features.dim() != 4:
            raise BadInput(f"features between its blocks have {features.dim()} dimensions")
        _, first, second, last = features.shape
        return cls("channels last" if first == second != last else "maps")

    def to_maps(self, features: Tensor) -> Tensor:
        """Features as maps ``[N, C, H, W]``."""
        if self.kind == "tokens":
            return features.transpose(1, 2).unsqueeze(3)
        return features if self.kind == "maps" else features.permute(0, 3, 1, 2)

    def from_maps(self, maps: Tensor) -> Tensor:
        """Maps as features."""
        if self.kind == "tokens":
            return maps.squeeze(3).transpose(1, 2)
        return maps if self.kind == "maps" else maps.permute(0, 2, 3, 1)


class Mapped(nn.Module):
    """A module whose features are shown as maps.

    Args:
        module: from images to features in ``layout``.
    """

    def __init__(self, module: nn.Module, layout: Layout):
        super().__init__()
        self.module = module
        self.layout = layout

    def forward(self, images: Tensor) -> Tensor:
        return self.layout.to_maps(self.module(images))
