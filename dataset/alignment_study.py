"""Moved: `python -m e2ec.bench.studies.alignment_study`."""

if __name__ == "__main__":
    raise SystemExit("error: moved; call python -m e2ec.bench.studies.alignment_study")
