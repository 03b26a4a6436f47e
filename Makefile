# `make up` needs Python 3.11 or newer and nothing else; the rest it installs into .venv.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
PY = .venv/bin/python
RUN = .venv/bin
SOURCES = accounts billing chat config tests manage.py

.PHONY: up dev test slow check types rest interoperability bench leaks kills faults soak fuzz simulate mutate protocol settings lock clean screenshots catalogues python install

up: python ## Set up what is missing and run Tram on this machine.
	@exec $(PYTHON) -m config.embedded up

dev: install ## Run with error pages, and start again on changed code.
	@$(PYTHON) -m config.embedded page
	@$(PY) -m config.catalogues --compile
	@DEBUG=true HTTPS=false STATIC_COLLECTED=false SECRET_KEY=for-development-only-$(shell printf '%050d' 0) \
		$(PY) manage.py serve --reload

test: install ## Run the tests (make test ARGS="-k word" for some).
	@$(PYTHON) -m config.embedded page
	@$(PYTHON) -m config.embedded install model || true
	@$(PY) -m config.catalogues --compile
	$(RUN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

slow: install ## Run the tests that say in a longer way what quicker ones say (minutes).
	$(RUN)/pytest -q -m slow

check: install ## Lint, types, import contracts, templates, the page's code, migrations, documents.
	@$(PYTHON) -m config.embedded page
	@$(MAKE) --no-print-directory -j2 --output-sync types rest

types:
	$(RUN)/mypy $(SOURCES)

rest:
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/lint-imports --no-cache
	$(RUN)/djlint --lint --quiet templates
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemigrations --check --dry-run
	$(PY) -m config.embedded npm run check
	$(PY) -m config.embedded npm test
	$(RUN)/pytest -q tests/house/test_documents.py tests/house/test_tidy.py

interoperability: install ## Run the product against LiteLLM's proxy, in an environment of its own (600 MB).
	$(PY) -m tests.interoperability.environment
	INTEROPERABILITY=true $(RUN)/pytest -q tests/interoperability

bench: install ## Measure against the goals (minutes; make bench QUICK=1 for less, ARGS=--check to judge).
	$(PY) -m tests.benchmarks $(if $(QUICK),--quick) $(ARGS)
	$(PY) -m tests.benchmarks.carriers $(if $(QUICK),--quick)
	$(PY) -m tests.benchmarks.doors $(if $(QUICK),--quick) $(ARGS)

fuzz: install ## Feed both transports random faults (MINUTES=10).
	nice $(PY) -m tests.relay.fuzz --minutes $(or $(MINUTES),10)

simulate: install ## Run several engines in virtual time, everything around them failing (SEEDS=10000, FIRST=0).
	$(PY) -m tests.simulation --seeds $(or $(SEEDS),10000) --first $(or $(FIRST),0)

mutate: install ## Put small mistakes into the money's modules and see which the tests miss (an hour; MINUTES=90).
	$(PY) -m tests.mutation --minutes $(or $(MINUTES),90) $(MUTANTS)

leaks: install ## Run 10,000 turns over each transport and look for what they leave behind (minutes).
	$(PY) -m tests.faults.leaks --patient --transport sse
	$(PY) -m tests.faults.leaks --patient --transport websocket

kills: install ## Kill the engine at 500 random points and look for what is missing (minutes; POINTS=500).
	$(PY) -m tests.faults.kills --points $(or $(POINTS),500)
	$(PY) -m tests.faults.kills --points $(or $(POINTS),500) --postgresql

faults: install ## Play cuts, deaths, restarts and races between real processes in their thousands (an hour).
	$(PY) -m tests.faults.nodes.cuts --points $(or $(POINTS),10000)
	$(PY) -m tests.faults.nodes.rolling
	$(PY) -m tests.faults.nodes.deaths
	$(PY) -m tests.faults.nodes.budgets --seeds $(or $(SEEDS),50)
	$(PY) -m tests.faults.nodes.held
	RACES=1000 $(RUN)/pytest -q -s tests/faults/test_interrupt_races.py

soak: install ## Keep a hundred streams alive and look for what grows (MINUTES=60).
	nice $(PY) -m tests.faults.soak --minutes $(or $(MINUTES),60)

screenshots: install ## Take the pictures of the documents from the running product.
	$(PY) -m tests.screenshots

protocol: install ## Write the protocol's JSON Schema, the page's types and the doors' OpenAPI description from the code.
	$(PY) -m chat.protocol.schema
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py openapi > docs/openapi.json

catalogues: install ## Bring the texts in other languages up to date, and name what is missing.
	@$(PY) -m config.catalogues

settings: install ## Write docs/settings.md from the code.
	$(PY) -m config.options.table > docs/settings.md

lock: ## Pin the packages of pyproject.toml again, with hashes (needs uv).
	requirements/lock

clean: ## Remove what was built; data in var/ stays.
	rm -rf .stamps .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache frontend/build frontend/node_modules

install: python
	@$(PYTHON) -m config.embedded install run dev

python:
	@test -n "$(PYTHON)" || { echo "tram: Python 3.11 or newer is needed"; exit 1; }
