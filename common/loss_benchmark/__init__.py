"""What each loss of `common.losses` costs: the cases, what they are called with, their peers, and the measuring."""

from common.loss_benchmark.measure import Options, chosen, chunks_table, losses_table, measure_losses, notes

__all__ = ["Options", "chosen", "chunks_table", "losses_table", "measure_losses", "notes"]
