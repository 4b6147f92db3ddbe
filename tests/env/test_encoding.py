"""The one mapping: plain and compiled, from Monitor and from the environment it is the same."""

import subprocess
import sys

import numpy as np
import pytest

from marskit.env.encoding import encode, wanted_share
from marskit.env.mesh_env import demo
from marskit.env.vector import MeshVectorEnv
from tests.env.drawn import random_rates


def test_plain_and_compiled_it_gives_the_same_numbers() -> None:
    env = MeshVectorEnv(*demo(), 6)
    env.reset(seed=4)
    rng = np.random.default_rng(4)
    for _ in range(30):
        compiled, *_ = env.step(rng.uniform(-1, 1, (6, env.encoding.action_size)).astype(np.float32))
    plain, room = np.zeros_like(compiled), np.zeros(len(env.encoding.model.stations))
    for i in range(6):
        encode(env.encoding.codes, env.run.raw, env.fluid.weights, i, room, plain)
    np.testing.assert_allclose(plain, compiled, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("asked", "share"),
    [(0.5, 0.5), (0.58, 0.5), (0.41, 0.5), (0.62, 0.6), (0.0, 0.0), (1.0, 1.0)],
)
def test_a_weight_is_moved_in_steps_and_not_by_noise(asked: float, share: float) -> None:
    assert wanted_share(2.0 * asked - 1.0, 0.5) == pytest.approx(share)


def test_loads_jump_within_a_period() -> None:
    rng = np.random.default_rng(0)
    loads = random_rates(rng, 400, 60, 8.0, 190.0).T
    assert loads.shape == (400, 120)
    assert loads.min() >= 8.0
    assert loads.max() <= 190.0
    # From one half period to the next: a good part of all episodes multiplies its load at once.
    jumps = (loads[:, 1:] / loads[:, :-1]).max(axis=1)
    assert 0.2 < (jumps > 2.0).mean() < 0.8


def test_a_learned_planner_plans_without_a_compiler() -> None:
    # Compiling takes seconds, which the loop would stand still for in its first cycle.
    code = (
        "import sys; from tests.agents.context import demo_context, view_at; "
        "from tests.agents.test_policy import NO_DIAGNOSIS; "
        "from marskit.agents.registry import make_planner; "
        "[make_planner(n, demo_context()).plan(NO_DIAGNOSIS, view_at(50.0)) for n in ('ppo', 'demand')]; "
        "print('numba' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
