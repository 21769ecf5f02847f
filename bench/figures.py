"""What was measured."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figures:
    """One value a round, by workload and contender; the version of the server, and those of the peers."""

    version: str
    peers: list[str]
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    values: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, workload: str, contender: str, value: float) -> None:
        """Keep the value of one round."""
        self.values[workload, contender].append(value)

    def has(self, workload: str, contender: str) -> bool:
        """Whether it was measured."""
        return bool(self.values.get((workload, contender)))

    def median(self, workload: str, contender: str) -> float:
        """The middle value of the rounds."""
        return median(self.values[workload, contender])

    def ratio(self, workload: str, contender: str, base: str = "bare") -> float:
        """The median of the ratios of each round: what disturbed a round disturbed both."""
        pairs = zip(self.values[workload, contender], self.values[workload, base], strict=True)
        return median(one / other for one, other in pairs)

    def spread(self, workload: str, contender: str) -> float:
        """How far the rounds lie apart: the widest distance from the median, as a share of it."""
        values, middle = self.values[workload, contender], self.median(workload, contender)
        return max(abs(value - middle) for value in values) / middle if middle else 0.0
