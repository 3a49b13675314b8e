"""`python -m e2ec.bench` (`make bench`): ours and its peers, measured side by side."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Read once, when torch loads OpenMP. By default idle threads spin, and on a machine that does
    # something else as well they then take the cores from the threads they wait for: short calls
    # become hundreds of times slower, at random. Ours and all peers run under the same policy.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from e2ec.app.commands.command_line import run
    from e2ec.bench.command import main

    sys.exit(run(main))
