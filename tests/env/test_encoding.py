"""The one mapping: plain and compiled, from Monitor and from the environment it is the same."""

import subprocess
import sys

import numpy as np

from marskit.env.encoding import encode
from marskit.env.mesh_env import demo
from marskit.env.vector import MeshVectorEnv


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
