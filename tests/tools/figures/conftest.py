from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Cells = list[list[Any]]


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], tuple[Cells, dict[str, Any]]]:
    """Of a figure's module: the panels that it lays out, and their labels; filled as the figure is drawn."""

    def watch(module: ModuleType) -> tuple[Cells, dict[str, Any]]:
        layout, cells, labels = module.layout, [], {}

        def spy(panels: Cells, **options: Any) -> Any:
            cells[:] = panels
            labels.update(options)
            return layout(panels, **options)

        monkeypatch.setattr(module, "layout", spy)
        return cells, labels

    return watch
