"""How much a sender may send before it is told to wait."""


class Allowance:
    """A token bucket for each key: `burst` at once, `per_second` in the long run.

    The vendors count in windows of their own; a bucket refuses the same sustained rate, and says how long
    to wait.
    """

    def __init__(self, *, burst: int, per_second: float) -> None:
        self.burst = burst
        self._per_second = per_second
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, *, now: float) -> float:
        """Take one; return 0, or the seconds until there is one, and then nothing is taken."""
        left = self.left(key, now=now)
        if left < 1:
            return (1 - left) / self._per_second
        self._left[key] = (left - 1, now)
        return 0.0

    def left(self, key: str, *, now: float) -> float:
        """Say how many are left to take."""
        left, at = self._left.get(key, (float(self.burst), now))
        return min(float(self.burst), left + (now - at) * self._per_second)
