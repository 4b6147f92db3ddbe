"""The planners: baselines and learned policies that decide on actions, given a diagnosis."""
