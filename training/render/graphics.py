"""The score and clock drawn over the picture, as a broadcaster does: digits that belong to no shirt."""

from PIL import Image, ImageDraw, ImageFont

from training.render.settings import Colour, ScoreSettings

PAPER: Colour = (236, 238, 242)
INK: Colour = (20, 24, 40)
NIGHT: Colour = (22, 28, 58)
WIDTHS = (2.5, 0.22, 2.0, 1.9, 2.0, 0.22)
"""Clock, colour, name, goals, name, colour: widths of the fields as shares of the height."""


def score_box(score: ScoreSettings, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom pixel (the last two just outside) of the graphic in a picture of width and height.

    >>> score_box(ScoreSettings(left=0.05, top=0.1, height=0.05), (1280, 720))
    (64, 72, 382, 108)
    """
    width, height = size
    high = round(score.height * height)
    left, top = round(score.left * width), round(score.top * height)
    return left, top, left + round(sum(WIDTHS) * high), top + high


def clock_text(score: ScoreSettings, seconds: float) -> str:
    """Minutes and seconds played.

    >>> clock_text(ScoreSettings(clock_seconds=5538), 4.2)
    '92:22'
    """
    played = score.clock_seconds + int(seconds + 1e-6)
    return f"{played // 60:02d}:{played % 60:02d}"


def draw_score(picture: Image.Image, score: ScoreSettings, seconds: float) -> None:
    """Draw the graphic into `picture` (RGB) as it stands `seconds` after the video began."""
    left, top, _, bottom = score_box(score, picture.size)
    high = bottom - top
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=high * 0.68)
    goals = f"{score.goals[0]} - {score.goals[1]}"
    texts = (clock_text(score, seconds), "", score.teams[0], goals, score.teams[1], "")
    fills = (PAPER, score.colours[0], NIGHT, PAPER, NIGHT, score.colours[1])
    x = float(left)
    for text, fill, share in zip(texts, fills, WIDTHS, strict=True):
        draw.rectangle((round(x), top, round(x + share * high) - 1, bottom - 1), fill=fill)
        ink = INK if fill == PAPER else PAPER
        draw.text((x + share * high / 2, (top + bottom) / 2), text, fill=ink, font=font, anchor="mm", stroke_width=0.4)
        x += share * high
