"""Importing this module registers the environment with Gymnasium, as `gymnasium.register_envs` expects.

`gymnasium.make("marskit.env.registration:marskit/Mesh-v0")` imports it by itself. The entry point in the
group `gymnasium.envs` is for programs that read it; Gymnasium itself stopped with its version 1.0.
"""

import gymnasium as gym

ID = "marskit/Mesh-v0"


def register() -> None:
    """Make the environment known, unless it is."""
    if ID not in gym.registry:
        gym.register(
            ID,
            entry_point="marskit.env.mesh_env:MeshEnv",
            vector_entry_point="marskit.env.mesh_env:make_vector",
        )


register()
