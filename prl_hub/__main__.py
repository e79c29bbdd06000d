"""`python -m prl_hub` is `prl-hub`."""

from prl_hub.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
