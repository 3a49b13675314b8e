"""Moved: `python -m e2ec.bench.studies.index_benchmark`."""

if __name__ == "__main__":
    raise SystemExit("error: moved; call python -m e2ec.bench.studies.index_benchmark")
