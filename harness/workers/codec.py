"""One codec for the messages between processes: frozen dataclasses, as JSON objects on a `Channel`.

Both ends run the same build of this harness (a foreign interpreter imports it through
`launch.borrow_packages`), so that the wire carries no version. It needs the standard library alone: compiled
packages cannot be borrowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum, StrEnum, auto
from functools import cache
from itertools import repeat
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.processes.live import Channel, ChannelClosed


class Message:
    """What one process sends another: each subclass is a frozen dataclass with slots.

    Fields are JSON values, paths, enumerations, tuples, mappings from str, and dataclasses of these; a field
    of type ``object``, or a mapping to it, arrives as JSON has it.
    """

    __slots__ = ()
    _kinds: ClassVar[dict[str, type[Message]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        Message._kinds[f"{cls.__module__}.{cls.__qualname__}"] = cls


R = TypeVar("R", bound=Message)
"""The reply to a request."""


class Request(Message, Generic[R]):
    """A message that is answered, with an ``R`` or a `Failure`: ``class Read(Request[ReadingTaken])``."""

    __slots__ = ()


class FailureKind(StrEnum):
    """Why a request was not met."""

    RAISED = auto()
    """Something was raised."""
    WRONG = auto()
    """A variant's result is wrong."""
    REFUSED = auto()
    """This machine cannot do what was requested: it lacks a device, or room for the records."""


@dataclass(frozen=True, slots=True)
class Failure(Message):
    """The error reply, to any request.

    ``readings`` are numbers that belong to the failure (bytes that were missing), ``file`` is the one to
    blame.
    """

    reason: str
    kind: FailureKind = FailureKind.RAISED
    readings: Mapping[str, float] = field(default_factory=dict)
    file: str | None = None


def send(channel: Channel, message: Message) -> None:
    """Send one message, of any length. Raises ChannelClosed."""
    channel.send(**encode(message))


def receive(channel: Channel, timeout: float | None = None) -> Message | None:
    """The next message; None after ``timeout`` seconds without one. Raises ChannelClosed at the other's
    end."""
    found = channel.receive(timeout)
    return None if found is None else decode(found)


def must_receive(channel: Channel) -> Message:
    """The next message, however long it takes. Raises ChannelClosed."""
    message = receive(channel)
    assert message is not None  # None stands for a timeout
    return message


def encode(message: Message) -> dict[str, object]:
    """A message as a JSON object."""
    kind = type(message)
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "fields": _plain(message)}


def decode(found: Mapping[str, object]) -> Message:
    """The message in a JSON object. Raises ChannelClosed for anything else."""
    kind = Message._kinds.get(str(found.get("type")))
    if kind is None:
        raise ChannelClosed(f"not a message known here: {str(found)[:200]}")
    message = _typed(found.get("fields"), kind)
    assert isinstance(message, Message)
    return message


def reply_type(request: Request[R]) -> type[R]:
    """The type of a request's reply, as its class states it."""
    for base in type(request).__mro__:
        for generic in getattr(base, "__orig_bases__", ()):
            for reply in get_args(generic):
                if isinstance(reply, type) and issubclass(reply, Message):
                    return reply  # type: ignore[return-value]
    raise TypeError(f"{type(request).__name__} does not state its reply: derive it from Request[...]")


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _typed(value: Any, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (present,) = [each for each in arguments if each is not NoneType]
        return None if value is None else _typed(value, present)
    if origin is tuple:
        kinds = repeat(arguments[0]) if arguments[-1] is Ellipsis else arguments
        return tuple(map(_typed, value, kinds))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _typed(each, arguments[1]) for name, each in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _typed(each, hints[name]) for name, each in value.items()})
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum | Path) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
