"""All past situations in memory, to find the most similar ones within milliseconds."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from marskit.domain.baselines import MAD_TO_SIGMA
from marskit.domain.similar import Similar
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.questions.situation_features import Floats, Whole, stored_features, together
from marskit.knowledge.questions.source import A_RUN, Tables, chunks, cycle_key, runs_of

_BLOCK = 16_384
"""Number of cycles processed together: their intermediate results stay in the processor's cache."""
_SAMPLE = 200_000
"""Number of cycles, evenly picked, on which standard deviations are estimated."""


class SituationIndex:
    """Every recorded cycle as a vector; about 100 bytes per cycle in a mesh of four workloads."""

    def __init__(
        self,
        runs: Sequence[str],
        cycles: pl.DataFrame,
        names: Sequence[str],
        features: Floats,
        done: Mapping[int, tuple[str, ...]],
    ) -> None:
        """Use `build` instead; `features` is (d, n), and is scaled in place."""
        self.names = tuple(names)
        self._runs = tuple(runs)
        self._keys: Whole = cycles["key"].to_numpy()
        self._utility: NDArray[np.float64] = cycles["utility_per_s"].to_numpy()
        # A cycle that could not be judged is not a violation.
        missed = cycles["slo_met"].not_().fill_null(value=False)
        self._violated: NDArray[np.float64] = (cycles["minutes"] * missed).to_numpy()
        self._done = done
        self._spreads = np.array([_spread(row) for row in features], np.float32)
        features /= self._spreads[:, None]
        self._scaled = features
        self._gaps: NDArray[np.bool_] = np.asarray(np.isnan(features).any(axis=1))

    @classmethod
    def build(cls, tables: Tables, runs: Sequence[str] | None = None) -> "SituationIndex":
        """The index of these runs, or of all."""
        chosen = runs_of(tables, runs)
        cycles, features = [], []
        done: dict[int, tuple[str, ...]] = {}
        start = 0
        for some in chunks(tables, chosen):
            frame, found = stored_features(tables, some)
            cycles.append(frame.with_columns(pl.col("key") + start * A_RUN))
            features.append(found)
            done |= {key + start * A_RUN: words for key, words in _done(tables, some).items()}
            start += len(some)
        frame = pl.concat(cycles)
        names, whole = together(features, frame.height)
        return cls(chosen, frame, names, whole, done)

    def __len__(self) -> int:
        """Number of cycles."""
        return len(self._keys)

    def situation(self, run: str, cycle: int) -> dict[str, float]:
        """The situation of an indexed cycle.

        Raises:
            KnowledgeError: The index does not contain the cycle.
        """
        row = self._row(run, cycle)
        if row is None:
            raise KnowledgeError(f"Run {run} has no cycle {cycle}.")
        values = self._scaled[:, row] * self._spreads
        return {name: float(v) for name, v in zip(self.names, values, strict=True) if not np.isnan(v)}

    def nearest(
        self,
        situation: Mapping[str, float],
        *,
        k: int = 10,
        after: int = 10,
        before: tuple[str, int] | None = None,
    ) -> tuple[Similar, ...]:
        """The `k` past situations most similar to this one, closest first; the search is exact.

        Features that only one of two situations has are ignored in their distance (Gower 1971); those with
        less than half in common are not compared. Of cycles of one run less than `after` apart only the
        closest counts: they are one occasion.

        Args:
            situation: Values by name, as `situation_of` returns them.
            k: Number of situations to return.
            after: Number of cycles to follow each of them.
            before: The run and the cycle of the situation: later cycles of its run, and those less than
                `after` cycles earlier, are not its past.
        """
        if k < 1 or after < 1:
            raise ValueError(f"k is {k} and after is {after}; both must be at least 1")
        distance = self._distances(situation)
        if before is not None and before[0] in self._runs:
            own = self._runs.index(before[0]) * A_RUN
            since, until = np.searchsorted(self._keys, [own + before[1] - after + 1, own + A_RUN])
            distance[since:until] = np.inf
        # Each result excludes at most 2 x (after - 1) others.
        enough = min(len(distance), k * (2 * after - 1))
        nearest = np.argpartition(distance, enough - 1)[:enough] if enough else np.arange(0)
        order = nearest[np.lexsort((nearest, distance[nearest]))]
        taken: list[int] = []
        for row in order[np.isfinite(distance[order])]:
            if len(taken) == k:
                break
            if all(abs(self._keys[row] - self._keys[other]) >= after for other in taken):
                taken.append(int(row))
        return tuple(self._similar(row, float(distance[row]), after) for row in taken)

    def _distances(self, situation: Mapping[str, float]) -> NDArray[np.float32]:
        """The distance to every cycle; infinite where too little can be compared."""
        n = len(self._keys)
        total = np.zeros(n, np.float32)
        held = [j for j, name in enumerate(self.names) if name in situation]
        counted = np.full(n, np.float32(len(held) - int(self._gaps[held].sum())))
        scratch = np.empty(_BLOCK, np.float32)
        for start in range(0, n, _BLOCK):
            part, count = total[start : start + _BLOCK], counted[start : start + _BLOCK]
            off = scratch[: len(part)]
            for j in held:
                value = np.float32(situation[self.names[j]]) / self._spreads[j]
                np.subtract(self._scaled[j, start : start + _BLOCK], value, out=off)
                if self._gaps[j]:
                    missing = np.isnan(off)
                    off[missing] = 0.0
                    count += ~missing
                np.multiply(off, off, out=off)
                part += off
        with np.errstate(divide="ignore", invalid="ignore"):
            distance: NDArray[np.float32] = np.sqrt(total / counted)
        distance[counted * 2 < max(1, len(situation))] = np.inf
        return distance

    def _row(self, run: str, cycle: int) -> int | None:
        if run not in self._runs:
            return None
        key = self._runs.index(run) * A_RUN + cycle
        row = int(np.searchsorted(self._keys, key))
        return row if row < len(self._keys) and self._keys[row] == key else None

    def _similar(self, row: int, distance: float, after: int) -> Similar:
        key = int(self._keys[row])
        until = int(np.searchsorted(self._keys, min(key + after, (key // A_RUN + 1) * A_RUN - 1), "right"))
        utility = self._utility[row + 1 : until]
        known = utility[~np.isnan(utility)]
        then = float(self._utility[row])
        return Similar(
            run=self._runs[key // A_RUN],
            cycle=key % A_RUN,
            distance=distance,
            done=self._done.get(key, ()),
            utility_per_s=None if np.isnan(then) else then,
            utility_after_per_s=float(known.mean()) if len(known) else None,
            violation_minutes_after=float(np.nansum(self._violated[row + 1 : until])),
            cycles_after=until - row - 1,
        )


def _spread(values: Floats) -> float:
    """The scaled median absolute deviation; the standard deviation if that is 0, and 1 if both are."""
    some = values[:: max(1, len(values) // _SAMPLE)].astype(np.float64)
    some = some[~np.isnan(some)]
    if not len(some):
        return 1.0
    spread = MAD_TO_SIGMA * float(np.median(np.abs(some - np.median(some))))
    return spread or float(some.std()) or 1.0


def _done(tables: Tables, runs: list[str]) -> dict[int, tuple[str, ...]]:
    """The applied actions by the key of their cycle."""
    done = (
        tables.scan("executions", runs)
        .filter(pl.col("outcome") == "applied")
        .sort("run", "cycle", "execution")
        .group_by(cycle_key(runs), maintain_order=True)
        .agg("action")
        .collect()
    )
    return {key: tuple(words) for key, words in done.iter_rows()}
