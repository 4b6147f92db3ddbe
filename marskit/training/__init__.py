"""Learning to plan in the twin: PPO and SAC, held against tuned rules. Needs the extra `rl`."""
