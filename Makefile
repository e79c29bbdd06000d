# `make demo` and `make test` need nothing but Python, make and the package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTRAS := train,quantize,dev

.PHONY: demo test style quality clean

demo: $(INSTALLED)  ## a first result on the toy model that ships with the package
	@$(BIN)/prl-hub train configs/quickstart.yaml

test: $(INSTALLED)  ## the whole test suite
	$(BIN)/python -m pytest -q

style: $(INSTALLED)  ## mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

quality: $(INSTALLED)  ## complain about the rest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing into $(VENV); this takes a few minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
