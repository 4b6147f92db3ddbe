# Two commands: `make run` opens the live mesh, `make test` runs the tests. Each sets up what it needs.
# Every line is a command a person could type; PY=/path/to/python uses an environment of your own.
ifeq ($(origin PY), undefined)
PY := .venv/bin/python
RUNS := .venv/.runs
READY := .venv/.ready
endif

.PHONY: run notebooks test learning e2e notebook-tests package check advisories bench train format clean help

help:            ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(RUNS)     ## open the terminal UI on a live mesh
	$(PY) main.py

notebooks: $(READY) ## open the course in JupyterLab, on this machine only
	$(PY) main.py notebooks $(LAB)

test: $(READY)   ## the test suite, the real mesh and the services included
	$(PY) -m pytest -n 2 --dist loadgroup -m "not e2e and not learning and not notebook and not package"
	$(PY) -m marskit.mesh.envoy.demo_services test

learning: $(READY) ## policies are trained, stopped, resumed and fine-tuned, on the command line and in the TUI
	$(PY) -m pytest -n 2 -m learning

e2e: $(READY)    ## the whole program, started as a user would and killed in every way
	$(PY) -m pytest -m e2e

notebook-tests: $(READY) ## labs, live panels and JupyterLab in the system's Chromium
	$(PY) -m pytest -m "notebook and not learning"

package: $(READY) ## the wheel, built, installed into an environment of its own and run from an empty folder
	$(PY) -m pytest -m package

check: $(READY)  ## format, lint, types, import contracts, spelling
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(PY) -m codespell_lib
	$(PY) -m yamllint --strict k8s service-mesh examples

advisories: $(READY) ## compare the dependencies with published advisories, where a source can be reached
	$(PY) .ci/advisories.py

bench: $(READY)  ## print the figures of docs/benchmarks.md, all but those that take half an hour and more
	$(PY) -m benchmarks.startup
	$(PY) -m benchmarks.changes
	$(PY) -m benchmarks.accuracy
	$(PY) -m benchmarks.crashes
	$(PY) -m benchmarks.mutations
	$(PY) -m benchmarks.cost
	$(PY) -m benchmarks.storage
	$(PY) -m benchmarks.kills
	$(PY) -m benchmarks.twin
	$(PY) -m benchmarks.calibration
	$(PY) -m benchmarks.canary
	$(PY) -m benchmarks.localisation
	$(PY) -m benchmarks.alerts
	$(PY) -m benchmarks.drift
	$(PY) -m benchmarks.replay
	$(PY) -m benchmarks.knowledge

# Seed 1 of PPO was chosen on loads drawn with other numbers than the held-out ones; see docs/adr/0009.
train: $(READY)  ## the shipped policies anew, about a quarter of an hour
	$(PY) main.py train --algorithm ppo --steps 8000000 --seed 1 --out marskit/agents/policies/demo-ppo.npz
	$(PY) main.py train --algorithm sac --seconds 240 --out marskit/agents/policies/demo-sac.npz

format: $(READY) ## rewrite the code in the house format
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

.venv/.runs: pyproject.toml
	@echo "Setting up .venv for running; this takes about a minute and happens once."
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --editable .
	touch $@

.venv/.ready: .venv/.runs
	@echo "Adding to .venv what tests and training need; this takes a minute or two and happens once."
	.venv/bin/python -m pip install --quiet --editable '.[dev,notebook,rl]'
	touch $@

clean:           ## remove the environment and everything built
	rm -rf .venv build dist *.egg-info src/node_modules
