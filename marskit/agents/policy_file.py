"""A trained policy as one small file: weights, inputs and outputs, and its training card. No torch."""

import io
import json
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marskit.env.encoding import VERSION, Encoding
from marskit.errors import UserError
from marskit.system.atomic_write import write_durably

FORMAT = 1
ALGORITHMS = ("ppo", "sac")
SHIPPED = Path(__file__).parent / "policies"
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""`(out, in)` weights and `(out,)` biases."""


_DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    SyntaxError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RecursionError,
    RuntimeError,
    Warning,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and its archives raise for files with noise in them."""


class PolicyError(UserError):
    """A policy file that cannot be used, with one sentence why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A feed-forward policy: tanh units and a clipped output for PPO, ReLU and a squashed one for SAC."""

    algorithm: str
    layers: tuple[Layer, ...]
    schema: dict[str, Any]
    """The encoding at training time; see `Encoding.schema`."""
    card: dict[str, Any]
    """How it was trained, and its results."""

    def act(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """The deterministic action, (A,) from -1 to 1, for an (O,) observation."""
        return np.asarray(self.act_all(observation), np.float32)

    def act_all(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """The deterministic actions, (N, A), for (N, O) observations."""
        x = observations
        *hidden, (weight, bias) = self.layers
        if self.algorithm == "ppo":
            for w, b in hidden:
                x = np.asarray(np.tanh(x @ w.T + b), np.float32)
            return np.asarray(np.clip(x @ weight.T + bias, -1.0, 1.0), np.float32)
        for w, b in hidden:
            x = np.asarray(np.maximum(x @ w.T + b, 0.0), np.float32)
        return np.asarray(np.tanh(x @ weight.T + bias), np.float32)


def save_policy(path: Path, policy: Policy) -> None:
    """Write the whole file or nothing."""
    header = {"format": FORMAT, "algorithm": policy.algorithm, "schema": policy.schema, "card": policy.card}
    arrays = {
        f"{kind}{n}": array
        for n, layer in enumerate(policy.layers)
        for kind, array in zip(("weight", "bias"), layer, strict=True)
    }
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    written = io.BytesIO()
    np.savez(written, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, written.getvalue())


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: The file cannot be read, is damaged, or has another version.
    """
    try:
        # Read into memory first: NumPy leaves a file open if it is not an archive.
        with warnings.catch_warnings(), np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
            # NumPy warns of headers that it can repair; ours need no repair.
            warnings.simplefilter("error")
            header = json.loads(data["header"].tobytes())
            count = sum(name.startswith("weight") for name in data.files)
            layers = tuple((data[f"weight{n}"], data[f"bias{n}"]) for n in range(count))
    except OSError as error:
        raise PolicyError(f"{path}: the policy cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        raise PolicyError(f"{path}: this is not a policy file, or it is damaged.") from error
    if not isinstance(header, dict):
        raise PolicyError(f"{path}: this is not a policy file, or it is damaged.")
    if header.get("format") != FORMAT:
        raise PolicyError(
            f"{path}: the file has format {header.get('format')!r}; this marskit reads {FORMAT}."
        )
    if header.get("algorithm") not in ALGORITHMS:
        raise PolicyError(f"{path}: {header.get('algorithm')!r} is neither {' nor '.join(ALGORITHMS)}.")
    if not _is_whole(header, layers):
        raise PolicyError(f"{path}: its header or its layers are not those of a policy; the file is damaged.")
    schema = header["schema"]
    sizes = [len(schema["observation"]), *(len(bias) for _, bias in layers)]
    shapes = [weight.shape for weight, _ in layers]
    if (
        not layers
        or shapes != list(zip(sizes[1:], sizes, strict=False))
        or sizes[-1] != len(schema["action"])
    ):
        raise PolicyError(f"{path}: the layers {shapes} do not fit together; the file is damaged.")
    if not all(np.isfinite(array).all() for layer in layers for array in layer):
        raise PolicyError(f"{path}: a weight is NaN or infinite: training diverged, or the file is damaged.")
    return Policy(header["algorithm"], layers, schema, header["card"])


def _is_whole(header: dict[str, Any], layers: Sequence[Layer]) -> bool:
    """Whether everything that is used later is there, and of the right type."""
    schema = header.get("schema")
    return (
        isinstance(header.get("card"), dict)
        and isinstance(schema, dict)
        and isinstance(schema.get("observation"), list)
        and isinstance(schema.get("action"), list)
        and {"version", "most_replicas"} <= schema.keys()
        and all(_is_floats(weight, 2) and _is_floats(bias, 1) for weight, bias in layers)
    )


def _is_floats(array: object, dimensions: int) -> bool:
    # NumPy gives the bytes of a member that is not an array.
    return isinstance(array, np.ndarray) and array.ndim == dimensions and array.dtype == np.float32


def check_fits(policy: Policy, encoding: Encoding, path: Path) -> None:
    """Refuse a policy that was trained for another mesh.

    Raises:
        PolicyError: The meshes differ; the sentence names the first difference.
    """
    ours, theirs = encoding.schema(), policy.schema
    if theirs == ours:
        return
    if theirs["version"] != VERSION:
        raise PolicyError(f"{path}: the policy has encoding {theirs['version']}; this marskit has {VERSION}.")
    pairs = zip(
        (*ours["observation"], *ours["action"]), (*theirs["observation"], *theirs["action"]), strict=False
    )
    mine, other = next(
        ((a, b) for a, b in pairs if a != b), (f"replicas {ours['most_replicas']}", theirs["most_replicas"])
    )
    raise PolicyError(
        f"{path}: the policy was trained for another mesh: it has {str(other)!r} where this one has {mine!r}."
    )
