"""Looking into a network and reaching into it: outputs of named places are recorded, or replaced while it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

Change = Callable[[Tensor], Tensor]
"""From what a place has given to what the rest of the network shall get."""


@contextmanager
def recorded(places: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Inside, every forward pass leaves the outputs of these places here; gradients can flow through them."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, given: object, output: Tensor) -> None:
            found[name] = output

        return hook

    with ExitStack() as stack:
        for name, module in places.items():
            stack.callback(module.register_forward_hook(keep(name)).remove)
        yield found


@contextmanager
def replaced(places: Mapping[str, nn.Module], changes: Mapping[str, Change]) -> Iterator[None]:
    """Inside, the outputs of these places are what `changes` makes of them. Nothing of the network itself is changed."""

    def exchange(change: Change) -> Callable[[nn.Module, object, Tensor], Tensor]:
        return lambda module, given, output: change(output)

    with ExitStack() as stack:
        for name, change in changes.items():
            stack.callback(places[name].register_forward_hook(exchange(change)).remove)
        yield
