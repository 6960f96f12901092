# The front door. `make run` and `make test` work on a bare Debian 12 with git and make.
.PHONY: run build test torture bench fuzz sabotage format setup clean

FUZZ_SECONDS ?= 300
TORTURE_SECONDS ?= 30

# The gateway with examples/ in front of a real httpbin; prints lines to paste. Ctrl-C ends all of it.
run: build
	@python3 scripts/demo.py

# build/brama and the nginx module beside it.
build: setup
	@scripts/configure.sh build -Dtests=false
	@ninja -C build

# Everything: both compilers, unit tests under sanitizers, fuzz targets for seconds, flow and arrows tests.
test: build node_modules/.package-lock.json
	@node tests/run.mjs

# Edits, toggles, rotations, crashes and drains under load, TORTURE_SECONDS each: nobody let in, nothing lost.
torture: build node_modules/.package-lock.json
	@TORTURE_SECONDS=$(TORTURE_SECONDS) node tests/torture/torture.mjs

# CPU time a request, beside plain nginx; from an edit to its being in force. Only figures; nothing is
# judged.
bench: build
	@ninja -C build bench/bench_decide bench/bench_round
	@build/bench/bench_decide
	@build/bench/bench_round
	@node bench/bench.mjs
	@node bench/edits.mjs

# Each breakage of tests/sabotage/ must turn a test red; on a copy of what is committed.
sabotage: setup node_modules/.package-lock.json
	@node tests/sabotage.mjs

# The fuzz targets for longer: FUZZ_SECONDS each.
fuzz: setup
	@FUZZ_SECONDS=$(FUZZ_SECONDS) node tests/run.mjs fuzz

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

# What scripts/packages.txt names and this machine lacks.
setup:
	@scripts/setup.sh

node_modules/.package-lock.json: package-lock.json package.json | setup
	@npm ci --no-audit --no-fund
	@touch $@

clean:
	@rm -rf build build-asan build-clang node_modules .run
