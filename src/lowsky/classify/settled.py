"""What a repeat is worth: evidence that comes again and again of one object is not new each time."""

import numpy as np

from lowsky.model.measurement import Floats


def half_worth(gap_s: Floats, lasts_s: float) -> Floats:
    """ξ = (1 − ϱ)/(1 + ϱ) with ϱ = exp(−gap/lasts): what one more look is worth (science.md 4.4, long sequences).

    It is tanh(gap/2 lasts): looks ten times as often are worth a tenth each. A negative gap is a first look: 1.
    """
    return np.where(gap_s < 0.0, 1.0, np.tanh(0.5 * np.maximum(gap_s, 0.0) / lasts_s))
