"""Learning to plan in the twin: PPO and SAC, compared with tuned rules. Needs the extra `rl`."""
