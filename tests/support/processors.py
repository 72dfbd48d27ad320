"""What the processor of this machine can do."""

import pytest

from scoring.linear import computes_bfloat16, has_quantized_operators

needs_bfloat16 = pytest.mark.skipif(
    not computes_bfloat16(), reason="this CPU has no AVX-512, so it computes no bfloat16"
)
needs_int8 = pytest.mark.skipif(
    not has_quantized_operators(), reason="this CPU has no AVX-512, so int8 is refused on it"
)
