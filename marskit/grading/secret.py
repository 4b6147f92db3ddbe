"""Seeds that a card may not name."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from marskit.errors import UserError

MOST_SEEDS = 1000


class SecretSeedsError(UserError):
    """A file of secret seeds that cannot be used."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a card says about the secret seeds."""

    number: int
    salt: str
    sha256: str
    """Of the salt and the seeds in their order: whoever has the file can check which seeds were used."""


def read_seeds(file: Path) -> tuple[int, ...]:
    """The seeds in the file, one a line; empty lines are ignored.

    Raises:
        SecretSeedsError: It cannot be read, is damaged, or holds no seed. No message repeats its content.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretSeedsError(f"The secret seeds in {file} cannot be read: {why}.") from None
    seeds = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not re.fullmatch(r"[1-9][0-9]{5,8}", line.strip()):
            raise SecretSeedsError(
                f"Line {number} of {file} is no secret seed; each line must be a whole number from 100000 to "
                "999999999, since a smaller one is soon guessed."
            )
        seeds.append(int(line))
    if not 1 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise SecretSeedsError(
            f"{file} holds {len(seeds)} seeds, {len(set(seeds))} of them different; it must hold 1 to "
            f"{MOST_SEEDS}, each once."
        )
    return tuple(seeds)


def seal(seeds: tuple[int, ...]) -> Sealed:
    """The number of seeds, and a hash with a new salt.

    It proves later which seeds were used. Several large random seeds cannot be found from it; a single one
    can, by trying all.
    """
    salt = secrets.token_hex(32)
    text = f"{salt}\n" + "\n".join(map(str, seeds))
    return Sealed(len(seeds), salt, hashlib.sha256(text.encode()).hexdigest())


def without(text: str, seeds: tuple[int, ...]) -> str:
    """The text with every secret seed in it replaced: a planner's message may repeat its seed.

    Only its decimal digits are found: a planner that wants to tell its seed can do so in other ways.
    """
    for seed in seeds:
        text = re.sub(rf"(?<![0-9])0*{seed}(?![0-9])", "(secret)", text)
    return text
