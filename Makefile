# The user's surface. Every target that needs Python first makes .venv with the pinned dependencies.
# The logic is in `orchestrate` (orchestrator/cli.py); this file only names it.

PYTHON  ?= python3
SPEC    ?= model_specs/llama/nano.yaml
CLUSTER ?= cluster/laptop.yaml
RUNS    ?= runs
DATA    ?= data
RUN     ?=
JOB     ?=
SET     ?=
UNTIL   ?=
ACCEPT  ?=
STEP    ?=
DOCUMENT ?=
MIXTURE ?= python
FORMAT  ?= text
OUT     ?=
PROMPT  ?=
DEVICES ?=
SEED    ?=
ROWS    ?=
IDS     ?=
CORPUS  ?=
PEER    ?=
WORKERS ?=

BIN         := .venv/bin
ORCHESTRATE := $(BIN)/orchestrate
INSTALLED   := .venv/installed
# Without CLUSTER=..., these act on the cluster that is up, or on the one the run was started on.
STANDING    := $(if $(filter-out file default undefined,$(origin CLUSTER)),--cluster '$(CLUSTER)')
export PROMPT SET ACCEPT DOCUMENT

.DEFAULT_GOAL := help
.PHONY: help train test plan simulate check data data-report data-where data-seen data-diff calibrate up down submit jobs \
        logs stop dashboard resume export generate diff lint schema parity clean

help: ## this list
	@echo 'usage: make TARGET [VARIABLE=value ...]'
	@echo
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'
	@echo
	@echo 'variables: SPEC=$(SPEC)  CLUSTER=$(CLUSTER)  RUNS=$(RUNS)  DATA=$(DATA)'
	@echo '           RUN=name  JOB=id  SET="training.steps=20 parallelism.zero=2"  UNTIL=step  ACCEPT="paths"'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else "CPython 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + ". Say PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

train: $(INSTALLED) ## train SPEC on CLUSTER in the foreground, to the end
	@$(ORCHESTRATE) train --spec '$(SPEC)' --cluster '$(CLUSTER)' --runs '$(RUNS)' --data '$(DATA)' $(if $(RUN),--run '$(RUN)') $(if $(UNTIL),--until '$(UNTIL)') --set "$$SET"

test: $(INSTALLED) ## the test suite (CPU only, no network)
	@$(BIN)/python -m pytest $(ARGS)

plan: $(INSTALLED) ## what would happen, before a node is taken; FORMAT=json, FORMAT=html OUT=plan.html
	@$(ORCHESTRATE) plan --spec '$(SPEC)' --cluster '$(CLUSTER)' --format '$(FORMAT)' $(if $(OUT),--out '$(OUT)') --set "$$SET"

simulate: $(INSTALLED) ## what failures and checkpoints make of the whole run; DEVICES=8,1024 FORMAT=json
	@$(ORCHESTRATE) simulate --spec '$(SPEC)' --cluster '$(CLUSTER)' --format '$(FORMAT)' $(if $(DEVICES),--devices '$(DEVICES)') $(if $(SEED),--seed '$(SEED)') --set "$$SET"

check: $(INSTALLED) ## validate a page and stop
	@$(ORCHESTRATE) check --spec '$(SPEC)' --set "$$SET"

diff: $(INSTALLED) ## which differences of pages A and B make another experiment
	@$(ORCHESTRATE) diff '$(A)' '$(B)'

data: $(INSTALLED) ## prepare (or show) the token shards of MIXTURE; CLUSTER=page: on a cluster that is up; WORKERS=2
	@$(ORCHESTRATE) data --mixture '$(MIXTURE)' --data '$(DATA)' --format '$(FORMAT)' $(STANDING) $(if $(WORKERS),--workers '$(WORKERS)')

data-where: $(INSTALLED) ## which documents were, or will be, in the global batch of STEP of RUN
	@$(ORCHESTRATE) data where '$(STEP)' --runs '$(RUNS)' $(if $(RUN),--run '$(RUN)')

data-seen: $(INSTALLED) ## the steps of RUN that train on DOCUMENT
	@$(ORCHESTRATE) data seen "$$DOCUMENT" --runs '$(RUNS)' $(if $(RUN),--run '$(RUN)')

data-diff: $(INSTALLED) ## what differs between prepared folders, or mixtures, A and B
	@$(ORCHESTRATE) data diff '$(A)' '$(B)'

data-report: $(INSTALLED) ## what became of MIXTURE's documents: a page of HTML and a data card; with RUN, also what it took; OUT=report.html
	@$(ORCHESTRATE) data-report $(if $(and $(RUN),$(filter file,$(origin MIXTURE))),,--mixture '$(MIXTURE)') --data '$(DATA)' $(if $(OUT),--out '$(OUT)') $(if $(RUN),--run '$(RUN)' --runs '$(RUNS)')

calibrate: $(INSTALLED) ## measure CLUSTER's hardware and write its page (OUT=page); or fit it: ROWS=file.csv IDS=a,b,c
	@$(ORCHESTRATE) calibrate --cluster '$(CLUSTER)' --runs '$(RUNS)' $(if $(OUT),--out '$(OUT)') $(if $(ROWS),--rows '$(ROWS)') $(if $(IDS),--ids '$(IDS)')

up: $(INSTALLED) ## start the Ray cluster of a cluster page
	@$(ORCHESTRATE) up $(STANDING)

down: $(INSTALLED) ## stop it
	@$(ORCHESTRATE) down $(STANDING)

submit: $(INSTALLED) ## submit the run as a Ray job; prints its id and the dashboard
	@$(ORCHESTRATE) submit --spec '$(SPEC)' $(STANDING) --runs '$(RUNS)' --data '$(DATA)' $(if $(RUN),--run '$(RUN)') --set "$$SET"

jobs: $(INSTALLED) ## the jobs of a cluster
	@$(ORCHESTRATE) jobs $(STANDING)

logs: $(INSTALLED) ## follow JOB
	@$(ORCHESTRATE) logs $(STANDING) $(if $(JOB),--job '$(JOB)')

stop: $(INSTALLED) ## stop JOB after a checkpoint
	@$(ORCHESTRATE) stop $(STANDING) $(if $(JOB),--job '$(JOB)')

dashboard: $(INSTALLED) ## the dashboard's address
	@$(ORCHESTRATE) dashboard $(STANDING)

resume: $(INSTALLED) ## continue RUN, on whatever layout the hardware now gives
	@$(ORCHESTRATE) resume --runs '$(RUNS)' --data '$(DATA)' $(if $(RUN),--run '$(RUN)') $(STANDING) $(if $(UNTIL),--until '$(UNTIL)') --set "$$SET" --accept "$$ACCEPT"

export: $(INSTALLED) ## write RUN as a Hugging Face checkpoint to OUT
	@$(ORCHESTRATE) export --runs '$(RUNS)' $(if $(RUN),--run '$(RUN)') $(if $(OUT),--out '$(OUT)')

generate: $(INSTALLED) ## text from RUN after PROMPT
	@$(ORCHESTRATE) generate --runs '$(RUNS)' $(if $(RUN),--run '$(RUN)') --prompt "$$PROMPT"

lint: $(INSTALLED) ## ruff, types and schemas
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(ORCHESTRATE) schema --check

schema: $(INSTALLED) ## write the JSON Schemas of the pages
	@$(ORCHESTRATE) schema

parity: $(INSTALLED) ## the losses of every layout against the reference, as a table
	@$(BIN)/python -m benchmarks.parity

bench-%: $(INSTALLED) ## a measurement beside a peer: bench-planner (ROWS=file.csv), bench-overhead, bench-data (CORPUS=folder PEER=python), bench-gpu; ARGS="..."
	@$(BIN)/python -m benchmarks.$* $(if $(ROWS),--rows $(ROWS)) $(if $(CORPUS),--corpus '$(CORPUS)') $(if $(PEER),--peer '$(PEER)') $(ARGS)

clean: ## remove .venv and caches; runs and data stay
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache
