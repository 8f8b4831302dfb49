"""How near two values must be, by the precision that the tensors were stored in; losses compute in float32 or more."""

import torch

# dtype -> (relative, absolute)
TOLERANCES = {
    torch.float64: (1e-9, 1e-12),
    torch.float32: (1e-4, 1e-6),
    torch.float16: (2e-2, 2e-3),
    torch.bfloat16: (1e-1, 2e-2),
}


def assert_near(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype, what: str = "") -> None:
    """Hold two tensors against the tolerance of ``dtype``."""
    relative, absolute = TOLERANCES[dtype]
    torch.testing.assert_close(
        found.double(), expected.double(), rtol=relative, atol=absolute, msg=lambda text: f"{what}: {text}"
    )
