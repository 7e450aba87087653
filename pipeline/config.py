"""YAML and `--set` text into frozen dataclasses: what a person typed is named exactly when it is wrong."""

import dataclasses
import difflib
import json
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from recognizer.errors import InputError, reason_of

T = TypeVar("T")
_Key = tuple[str, ...]


class SettingsError(InputError):
    """A settings file or a `--set` holds something that cannot be used."""


def load(cls: type[T], path: Path | None = None, overrides: Sequence[str] = ()) -> T:
    """Build `cls`, a frozen dataclass (fields may be dataclasses themselves), from YAML and overrides.

    What the file leaves out keeps the dataclass's default, so a variant holds only what differs. Overrides
    (`'windows.stride=2'`, the value read as YAML) win over the file, later ones over earlier ones.

    Args:
        cls: Dataclass with a default for every field. Field types may be bool, int, float, str, `Literal`,
            `tuple[X, ...]`, `tuple[X, Y]`, `X | None`, `int | str` and dataclasses.
        path: YAML file, or None for the defaults alone.
        overrides: Texts of the form `key.key=value`.

    Raises:
        SettingsError: The file cannot be read, a key is unknown, or a value has the wrong type or range.
    """
    tree = _read_yaml(path) if path is not None else {}
    origins: dict[_Key, str] = {(): str(path) if path is not None else "settings"}
    for override in overrides:
        key, value = _parse_override(override)
        replaced = _graft(tree, key, value)
        _record_origin(origins, replaced, f"--set {_cut(override)}")
    return typing.cast(T, _Builder(origins).dataclass(cls, tree, ()))


def as_plain(settings: Any) -> Any:  # noqa: ANN401 - any value a settings dataclass may hold
    """Settings as dicts, lists and scalars, ready for JSON or YAML.

    >>> as_plain((1, 2.0))
    [1, 2.0]
    """
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return {field.name: as_plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    if isinstance(settings, tuple | list):
        return [as_plain(item) for item in settings]
    return str(settings) if isinstance(settings, Path) else settings


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars (`1e-3` is a float, `on` is text, `010` is text) and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dict, refusing a key that stands twice."""
        seen: set[Any] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key if isinstance(key, str) else id(key))
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - whatever the text says
        """A value, refusing a tag such as `!!float` that its text does not fit."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:
            problem = f"{_shown(node.value)} is no {node.tag.rpartition(':')[2]}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


_CORE_TAGS = ("null", "bool", "int", "float", "str", "seq", "map")
_Loader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in _CORE_TAGS  # None: the refusal of every other tag
}
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SettingsError(f"The settings file {path} does not exist.") from error
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {reason_of(error)}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} cannot be read: it is no UTF-8 text.") from error
    try:
        tree = _parse(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no valid YAML: {_yaml_problem(error)}.") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{path} holds {_shown(tree)}, expected sections such as 'windows:' with keys under them.")
    return tree


def _parse(text: str) -> Any:  # noqa: ANN401 - whatever the text says
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, {error.problem or error.context}"
    return " ".join(str(error).split())


def _parse_override(override: str) -> tuple[_Key, Any]:
    name, equals, text = override.partition("=")
    key = tuple(part.strip() for part in name.split("."))
    if not equals or not all(key):
        raise SettingsError(f"--set {_cut(override)!r} cannot be used: expected key=value, such as windows.stride=2.")
    try:
        return key, _parse(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"--set {_cut(override)!r} has no valid YAML value: {_yaml_problem(error)}.") from error


def _graft(tree: dict[str, Any], key: _Key, value: object) -> _Key:
    """Set the value at `key`; returns the key of what was replaced, which is shorter where no section stood."""
    replaced = key
    for depth, part in enumerate(key[:-1], start=1):
        below = tree.get(part)
        if not isinstance(below, dict):
            replaced = min(replaced, key[:depth], key=len)
            below = tree[part] = {}
        tree = below
    tree[key[-1]] = value
    return replaced


def _record_origin(origins: dict[_Key, str], key: _Key, source: str) -> None:
    for known in [known for known in origins if known[: len(key)] == key]:
        del origins[known]  # what this override replaces is no longer to blame
    origins[key] = source


class _Builder:
    """Turns a tree of plain values into dataclasses, remembering who set what."""

    def __init__(self, origins: Mapping[_Key, str]) -> None:
        self._origins = origins

    def dataclass(self, cls: type[Any], tree: object, key: _Key) -> object:
        """An instance of `cls` from the mapping `tree` found at `key`."""
        if tree is None:  # a section with every line commented out
            tree = {}
        if not isinstance(tree, dict):
            raise self._error(key, tree, f"a section with the keys {_listed(_field_names(cls))}")
        hints = typing.get_type_hints(cls)
        for name in tree:
            if name not in _field_names(cls):
                raise self._unknown((*key, str(name)), tree[name], _field_names(cls))
        values = {name: self.value(hints[name], value, (*key, name)) for name, value in tree.items()}
        try:
            return cls(**values)
        except ValueError as error:
            text = str(error).rstrip(".").removeprefix(".".join(key) + ".")
            link = "." if text.split(" ")[0] in hints else ": "  # 'windows.stride is 0', or 'windows: <sentence>'
            where = ".".join(key) + link if key else ""
            raise SettingsError(f"{self._sources_below(key)}: {where}{text}.") from error

    def value(self, hint: Any, value: object, key: _Key) -> object:  # noqa: ANN401 - a type hint has no common type
        """`value` as the type `hint`, or an error that says what was expected."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.dataclass(hint, value, key)
        if origin in (Union, types.UnionType):
            return self._union(hint, arguments, value, key)
        if origin is Literal:
            if not any(value == allowed and type(value) is type(allowed) for allowed in arguments):
                raise self._error(key, value, f"one of {_listed(arguments)}{_did_you_mean(value, arguments)}")
            return value
        if origin is tuple:
            return self._tuple(arguments, value, key)
        return self._scalar(hint, value, key)

    def _union(self, hint: object, arguments: tuple[Any, ...], value: object, key: _Key) -> object:
        inner = [argument for argument in arguments if argument is not type(None)]
        if value is None and len(inner) < len(arguments):
            return None
        if len(inner) == 1:
            return self.value(inner[0], value, key)
        if set(inner) != {int, str}:
            raise TypeError(f"settings field {'.'.join(key)} has the type {hint}; X | None and int | str are supported")
        if type(value) not in (int, str):  # true and false are ints too
            raise self._error(key, value, "a whole number or text")
        return value

    def _tuple(self, arguments: tuple[Any, ...], value: object, key: _Key) -> object:
        if not isinstance(value, list):
            raise self._error(key, value, "a list such as [1, 2]")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        if len(value) != len(arguments):
            raise self._error(key, value, f"a list of {len(arguments)} values")
        return tuple(self.value(hint, item, key) for hint, item in zip(arguments, value, strict=True))

    def _scalar(self, hint: object, value: object, key: _Key) -> object:
        if hint is bool and isinstance(value, bool):
            return value
        if hint is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return float(value)
        if hint is str and isinstance(value, str):
            return value
        if hint not in _EXPECTED:
            raise TypeError(f"settings field {'.'.join(key)} has the unsupported type {hint}")
        raise self._error(key, value, _EXPECTED[hint])

    def _source(self, key: _Key) -> str:
        return next(self._origins[key[:n]] for n in range(len(key), -1, -1) if key[:n] in self._origins)

    def _sources_below(self, key: _Key) -> str:
        below = [source for known, source in self._origins.items() if known[: len(key)] == key and known]
        return " and ".join(below) if below else self._source(key)

    def _error(self, key: _Key, value: object, expected: str) -> SettingsError:
        return SettingsError(f"{self._source(key)}: {'.'.join(key)} is {_shown(value)}, expected {expected}.")

    def _unknown(self, key: _Key, value: object, allowed: Sequence[str]) -> SettingsError:
        return SettingsError(
            f"{self._source(key)}: unknown key '{'.'.join(key)}' (value {_shown(value)})"
            f"{_did_you_mean(key[-1], allowed)}; allowed here: {_listed(allowed)}."
        )


_LARGEST = sys.float_info.max
"""Compared with, it needs no rounding of a whole number of any length; infinity and NaN fail."""

_EXPECTED: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text (in quotes if it looks like a number)",
}


def _field_names(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]


def _did_you_mean(given: object, allowed: Sequence[object]) -> str:
    near = difflib.get_close_matches(str(given), [str(item) for item in allowed], n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _listed(items: Sequence[object]) -> str:
    return ", ".join(str(item) for item in items)


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an alias that holds itself
        text = str(value)
    return _cut(text)


def _cut(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
