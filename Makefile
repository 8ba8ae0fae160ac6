# Two commands: `make lab` opens the course, `make test` proves it.
PYTHON ?= python3
BIN = .venv/bin
READY = .venv/.ready

.PHONY: lab test site slides bench bench-widgets bench-site weights update take-news notebooks lock address

# (Jupyter wants to be told that root means it: so it is in containers.)
lab: $(READY)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

# make test TESTS="-m slow" and the like: what else pytest is told
test: $(READY)
	$(BIN)/python -m pytest $(TESTS)

# Pages and decks that need no kernel and no network: site/index.html, slides/index.html.
# The first time each notebook is run for them (some minutes in all), later those that have changed.
site slides: $(READY)
	$(BIN)/python -m publish $@

bench: $(READY)
	$(BIN)/python -m benchmarks

bench-widgets: $(READY)
	$(BIN)/python -m benchmarks.widgets

bench-site: $(READY)
	$(BIN)/python -m benchmarks.site

# A newer version of the course; notebooks that the learner changed are set aside in answers/.
update:
	git fetch
	@if git merge-base --is-ancestor @{upstream} HEAD; then echo "Nothing new."; \
	elif git merge-base --is-ancestor HEAD @{upstream}; then $(MAKE) --no-print-directory take-news; \
	else echo "You have commits of your own. Nothing was changed; git rebase @{upstream} brings the news."; exit 1; fi

take-news:
	set -e; mkdir -p answers; for f in $$(git diff HEAD --name-only --diff-filter=M -- notebooks); do \
		cp "$$f" "answers/$$(date +%Y-%m-%d_%H%M%S)_$$(basename "$$f")"; done
	git checkout --quiet HEAD -- notebooks
	git merge --ff-only

# For authors: train the shipped networks anew; run the notebooks and store their outputs; compile the lock anew.
weights: $(READY)
	$(BIN)/python -m vae_helpers.recipes
	$(BIN)/python -m vae_helpers.long_training
	$(BIN)/python -m vae_helpers.fooled

notebooks: $(READY)
	$(BIN)/python tests/notebook_tools.py

lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra test --extra site --universal --python-version 3.11 --no-emit-index-url --upgrade --output-file requirements.txt

# Where the course is to be found on GitHub: make address REPOSITORY=owner/name
address: $(READY)
	$(BIN)/python -m publish.address $(REPOSITORY)

# .ready is touched last: an interrupted installation is taken up again. The plugin
# put out asks about news, and fetches them: the course asks no other host for anything.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 " + "$(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --editable .
	$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements"
	touch $(READY)
