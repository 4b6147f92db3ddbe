"""The vector environment in the form that stable-baselines3 requires; importing this loads torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from marskit.env.vector import MeshVectorEnv


class Sb3VecEnv(VecEnv):
    """`MeshVectorEnv` behind stable-baselines3's own vector API, without a wrapper for every mesh."""

    def __init__(self, env: MeshVectorEnv) -> None:
        # Before the base class, which reads the attributes.
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._actions: NDArray[np.float32] = np.zeros((env.num_envs, env.encoding.action_size), np.float32)
        self._nothing: list[dict[str, Any]] = [{} for _ in range(env.num_envs)]

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes in all meshes."""
        return self.env.reset(seed=self._seeds[0])[0]

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Simulate one control period in every mesh."""
        observation, rewards, _, ended, info = self.env.step(self._actions)
        infos = self._nothing
        if ended.any():
            infos = [
                {"terminal_observation": info["final_obs"][i], "TimeLimit.truncated": True}
                if ended[i]
                else {}
                for i in range(self.num_envs)
            ]
        return observation, rewards.astype(np.float32), ended, infos

    def close(self) -> None:
        """End its threads."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute, once for every mesh."""
        return [getattr(self.env, attr_name, None)] * len(self._places(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Meshes have no attributes of their own."""
        raise AttributeError(f"{attr_name} cannot be set mesh by mesh")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Meshes have no methods of their own."""
        raise AttributeError(f"{method_name} cannot be called mesh by mesh")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """Nothing is wrapped."""
        return [False] * len(self._places(indices))

    def _places(self, indices: VecEnvIndices) -> Sequence[int]:
        return list(self._get_indices(indices))
