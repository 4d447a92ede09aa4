# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1

.PHONY: demo test lint bench soak scores torch ray opensearch browser sshd clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What the page is built from: a change there builds it anew.
PAGE := hatch_build.py $(shell find web -path web/node_modules -prune -o -type f -print)

$(VENV)/.installed: $(BIN)/python pyproject.toml $(PAGE)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/knowscape demo $(if $(filter 0,$(SERVE)),--no-serve)

test: lint browser sshd
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The browser tests need Chromium, those of `pull` an sshd; on Debian as root they are installed, elsewhere the tests say
# what is missing. Where systemd runs no sshd is installed, since it would be started.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	 { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y chromium; } || true

sshd:
	@[ -x /usr/sbin/sshd ] || command -v sshd >/dev/null || [ -d /run/systemd/system ] || \
	 { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	   apt-get install -qq -y --no-install-recommends openssh-server openssh-client; } >/dev/null 2>&1 || true

bench: $(VENV)/.installed-dev
	@echo "Each script under benchmarks/ says in its first lines how to run it:"; ls benchmarks/*.py

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m soak --timeout 7200

scores: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m scores --timeout 7200

# Through torch, which the base install does without: the tests of that engine, and of each architecture against it.
torch: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[torch]'
	$(BIN)/python -m pytest tests/encoders/test_architectures.py tests/encoders/test_cross_architectures.py \
	 tests/encoders/test_transformer.py tests/finetune

# On real clusters on this machine, with the extra that few need: two nodes, a host by ssh, three with their own network.
ray: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[ray]'
	$(BIN)/python -m pytest -m '' tests/embed/test_ray.py tests/cluster

# Against a real server, which OPENSEARCH_URL names; docs/opensearch.md says how to start one.
opensearch: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m opensearch tests/search

clean:
	rm -rf $(VENV) src/knowscape/page/dist web/node_modules
