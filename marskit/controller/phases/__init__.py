"""What stands around the phases of the loop: gate, sampler, approval, executor, effects."""
