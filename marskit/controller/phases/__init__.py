"""The parts around the loop's phases: gate, sampler, approval, executor, effects."""
