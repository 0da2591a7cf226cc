# `make app` opens the demo, `make test` checks everything, `make quick` runs the fast unit tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: app test quick lint format clean

app: $(VENV)/app.done
	$(BIN)/python -m streamlit run app.py

# every check runs, whatever failed before it; one exit code at the end
test: $(VENV)/dev.done
	@trap 'exit 130' INT; failed=0; \
	check() { echo "$$*"; "$$@" || failed=1; }; \
	check $(BIN)/ruff check .; \
	check $(BIN)/ruff format --check .; \
	check $(BIN)/python -m pytest -m "not e2e" -n 2; \
	check $(BIN)/python -m pytest -m e2e; \
	exit $$failed

# no browser, no page, no training and few child processes
quick: $(VENV)/dev.done
	$(BIN)/python -m pytest -m "not slow and not e2e" -n 2

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.done: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

$(VENV)/dev.done: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -e ".[dev]"
	touch $@ $(VENV)/app.done

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
