"""How much memory a computation holds at once."""

from collections.abc import Callable

import torch


def peak_bytes(run: Callable[[], object]) -> int:
    """Most bytes of CPU tensors that ``run`` held at once, beyond what there was before it."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as profile:
        run()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
