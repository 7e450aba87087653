"""Settings from YAML and --set: the right types, and errors that name file, key, value and what is allowed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import SettingsError, as_plain, load

Write = Callable[[str], Path]


@dataclass(frozen=True)
class Inner:
    count: int = 5
    rate: float = 0.1
    on: bool = True
    kind: Literal["fast", "slow"] = "fast"
    names: tuple[str, ...] = ("a",)
    size: tuple[int, float] = (1, 2.0)
    weights: str | None = None
    shirts: tuple[int | str, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}, expected 1 or more")
        if self.rate > 100:
            raise ValueError("the rate is too high.")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    name: str = "x"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_defaults_without_a_file() -> None:
    assert load(Outer) == Outer()


def test_a_file_holds_only_what_differs(write: Write) -> None:
    assert load(Outer, write("inner:\n  count: 7\n")) == Outer(Inner(count=7))


@pytest.mark.parametrize("text", ["", "# nothing\n", "inner:\n  # all commented out\n", "{}"])
def test_an_empty_file_or_section_keeps_the_defaults(write: Write, text: str) -> None:
    assert load(Outer, write(text)) == Outer()


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("1E+1", 10.0), (".5", 0.5), ("3", 3.0), ("-2.", -2.0), ("+1.5e1", 15.0)]
)
def test_numbers_load_as_floats(write: Write, text: str, value: float) -> None:
    rate = load(Outer, write(f"inner: {{rate: {text}}}")).inner.rate
    assert rate == value
    assert type(rate) is float


def test_every_supported_type_loads(write: Write) -> None:
    path = write(
        "inner: {on: false, kind: slow, names: [b, c], size: [3, 4], weights: w.pt, shirts: [7, 00]}\nname: 'off'"
    )
    expected = Inner(on=False, kind="slow", names=("b", "c"), size=(3, 4.0), weights="w.pt", shirts=(7, "00"))
    assert load(Outer, path) == Outer(expected, "off")
    assert load(Outer, path, ["inner.weights=null"]).inner.weights is None


@pytest.mark.parametrize("text", ["on", "yes", "no", "07", "1:30", "2020-01-01", ".inf", "0x10"])
def test_text_that_yaml_1_1_would_twist_stays_text(write: Write, text: str) -> None:
    assert load(Outer, write(f"name: {text}")).name == text


def test_overrides_win_and_the_last_one_most(write: Write) -> None:
    path = write("inner: {count: 2, rate: 0.5}")
    assert load(Outer, path, ["inner.count=3", "inner.count=4", "name=y"]) == Outer(Inner(count=4, rate=0.5), "y")


def test_an_override_can_name_a_list(write: Write) -> None:
    assert load(Outer, None, ["inner.names=[p, q]", "inner.rate=1e-2"]).inner == Inner(names=("p", "q"), rate=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "iner: {count: 1}",
            r"unknown key 'iner' \(value .*\) \(did you mean 'inner'\?\); allowed here: inner, name\.",
        ),
        ("inner: {cuont: 1}", r"unknown key 'inner.cuont' \(value 1\) \(did you mean 'count'\?\); .* shirts\."),
        ("inner: {zzz: 1}", r"unknown key 'inner.zzz' \(value 1\); allowed here: count, rate"),
        ("inner: {count: 1.5}", r"inner\.count is 1\.5, expected a whole number"),
        ("inner: {count: true}", r"inner\.count is true, expected a whole number"),
        ("inner: {count: '1'}", r'inner\.count is "1", expected a whole number'),
        ("inner: {rate: fast}", r'inner\.rate is "fast", expected a number'),
        ("inner: {rate: 1e999}", r"inner\.rate is Infinity, expected a number"),
        (f"inner: {{rate: {'9' * 400}}}", r"inner\.rate is 9+…, expected a number\.$"),
        (f"inner: {{rate: {'9' * 5000}}}", r"is no valid YAML: line 1, \"9+… is no int\.$"),
        ("inner: {rate: !!float x}", r"is no valid YAML: line 1, \"x\" is no float\.$"),
        ("inner: {count: !!int ''}", r"is no valid YAML: line 1, \"\" is no int\.$"),
        ("inner: {on: !!bool x}", r"is no valid YAML: line 1, \"x\" is no bool\.$"),
        ("inner: !!map 3", r"is no valid YAML: line 1, expected a mapping node"),
        ("name: !!timestamp x", r"is no valid YAML: line 1, could not determine a constructor"),
        ("inner: {rate: &a [*a]}", r"inner\.rate is \[\[\.\.\.\]\], expected a number"),
        ("[" * 3000, r"is no valid YAML: it is nested too deeply"),
        ("inner: {shirts: [1.5]}", r"inner\.shirts is 1\.5, expected a whole number or text\.$"),
        ("inner: {shirts: [true]}", r"inner\.shirts is true, expected a whole number or text\.$"),
        ("inner: {rate: true}", r"inner\.rate is true, expected a number"),
        ("inner: {on: 1}", r"inner\.on is 1, expected true or false"),
        ("inner: {kind: fats}", r"inner\.kind is \"fats\", expected one of fast, slow \(did you mean 'fast'\?\)"),
        ("inner: {names: a}", r"inner\.names is \"a\", expected a list"),
        ("inner: {names: [1]}", r"inner\.names is 1, expected text"),
        ("inner: {size: [1]}", r"inner\.size is \[1\], expected a list of 2 values"),
        ("inner: {count: }", r"inner\.count is null, expected a whole number"),
        ("inner: 3", r"inner is 3, expected a section with the keys count, rate"),
        ("inner: {count: 0}", r"settings\.yaml: inner\.count is 0, expected 1 or more\.$"),
        ("inner: {rate: 101}", r"settings\.yaml: inner: the rate is too high\.$"),
        ("- 1", r"settings\.yaml holds \[1\], expected sections"),
        ("a: b: c", r"settings\.yaml is no valid YAML: line 1, "),
        ("name: x\nname: y", r"settings\.yaml is no valid YAML: line 2, the key 'name' stands twice"),
        ("name: &a !!python/object:os.system x", r"settings\.yaml is no valid YAML: line 1, could not determine a con"),
    ],
)
def test_a_wrong_file_is_named_with_key_value_and_what_is_allowed(write: Write, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load(Outer, write(text))
    assert "settings.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("inner.count=0", r"^--set inner\.count=0: inner\.count is 0, expected 1 or more\.$"),
        ("inner.count=a", r"^--set inner\.count=a: inner\.count is \"a\", expected a whole number\.$"),
        ("inner.cont=1", r"^--set inner\.cont=1: unknown key 'inner\.cont' \(value 1\) \(did you mean 'count'\?\)"),
        ("name.deep=1", r"^--set name\.deep=1: name is .*, expected text"),
        ("inner", r"^--set 'inner' cannot be used: expected key=value"),
        ("=3", r"^--set '=3' cannot be used"),
        ("inner..count=3", r"cannot be used: expected key=value"),
        ("name=[1", r"has no valid YAML value"),
        ("inner.rate=!!float x", r"^--set 'inner\.rate=!!float x' has no valid YAML value: .*\"x\" is no float\.$"),
        (f"inner.rate={'9' * 400}", r"^--set inner\.rate=9+…: inner\.rate is 9+…, expected a number\.$"),
    ],
)
def test_a_wrong_override_is_named_as_the_source(write: Write, override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(Outer, write("inner: {count: 2}"), [override])


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings file .*none\.yaml does not exist"):
        load(Outer, tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"binary\.yaml cannot be read: it is no UTF-8 text\.$"):
        load(Outer, tmp_path / "binary.yaml")
    with pytest.raises(SettingsError, match=rf"^The settings file {tmp_path} cannot be read: is a directory\.$"):
        load(Outer, tmp_path)
    with pytest.raises(SettingsError, match=r"cannot be read: file name too long\.$"):
        load(Outer, tmp_path / ("x" * 300))


@given(
    count=st.integers(1, 10**6),
    rate=st.floats(-1e6, 100, allow_nan=False),
    on=st.booleans(),
    kind=st.sampled_from(["fast", "slow"]),
)
def test_what_is_shown_loads_back(count: int, rate: float, on: bool, kind: Literal["fast", "slow"]) -> None:
    given_settings = Outer(Inner(count=count, rate=rate, on=on, kind=kind))
    inner = as_plain(given_settings)["inner"]
    overrides = [f"inner.{key}={str(inner[key]).lower()}" for key in ("count", "rate", "on", "kind")]
    assert load(Outer, None, overrides) == given_settings
