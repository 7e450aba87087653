"""How commands end."""

from collections.abc import Sequence

import pytest

from recognizer.command import ending_in_a_sentence
from recognizer.errors import InputError


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (None, 0, ""),
        (InputError("The folder x is empty."), 2, "The folder x is empty.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_a_command_ends_in_a_sentence(
    failure: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @ending_in_a_sentence()
    def main(argv: Sequence[str] | None = None) -> int:
        assert argv == ["x"]
        if failure:
            raise failure
        return 0

    assert main(["x"]) == code
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    @ending_in_a_sentence()
    def main(_argv: Sequence[str] | None = None) -> int:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        main()
