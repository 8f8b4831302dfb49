"""Two processes that train together, for tests of what they share."""

import torch
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from common.losses import CRDLoss

CRD = {"num_samples": 12, "student_features": 3, "teacher_features": 5, "feat_dim": 4, "num_negatives": 7}


def on_two_ranks(function, folder, *args):
    """What ``function(rank, *args)`` gives in each of two processes that talk through gloo."""
    multiprocessing.spawn(_run, (function, str(folder), *args), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]


def _run(rank, function, folder, *args):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.save(function(rank, *args), f"{folder}/rank{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


def crd_steps(rank, batches):
    """State and losses of a `CRDLoss` that starts from its rank's seed, after its rank's halves of some batches."""
    torch.manual_seed(rank)
    loss = CRDLoss(**CRD).double()
    trained = DistributedDataParallel(loss, broadcast_buffers=False)  # as the engine wraps its models
    values = [trained(*(each.chunk(2)[rank] for each in batch)).item() for batch in batches]
    return loss.state_dict(), values
