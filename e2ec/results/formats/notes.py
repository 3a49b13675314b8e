"""What a file does not hold as it was given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Notes:
    """What was left out or changed on the way into files; writers add to it.

    Attributes:
        left_out: counts, by reason, of objects that are not in the files.
        mended: of every object whose outline had to be changed to be valid, by how much its area
            changed, in percent.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    mended: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Both in words, "" where there is nothing to say."""
        facts = [f"left out: {number} {what}" for what, number in self.left_out.items()]
        if self.mended:
            most = round(max(map(abs, self.mended)), 2)
            facts.append(
                f"{len(self.mended)} outlines crossed themselves or overlapped and were mended "
                f"(area changed by at most {most:g} %)"
            )
        return "; ".join(facts)
