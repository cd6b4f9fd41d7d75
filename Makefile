# A short front for meson and ninja. `make help` lists the targets.
#
# `make` and `make lib` install nothing. If a package is missing they say so, and `make deps`
# installs it. The targets that run something (demo, check, test, bench-*) install what they need.

BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
VERSION := $(shell cat VERSION)
MESON_FLAGS ?=
CACHE ?= .cache

.DEFAULT_GOAL := all

.PHONY: all
all: $(BUILD)/build.ninja ## build the tool (build/tophash) and the library (build/libtophash.*)
	@[ -d $(BUILD)/scope ] || meson setup --reconfigure $(BUILD) -Dscope=true >$(BUILD)/setup.log 2>&1 || $(call setup_failed)
	@ninja -C $(BUILD) --quiet

# To build the map alone, nothing is needed that only the tool is built with.
.PHONY: lib
lib: ## build the library alone: build/libtophash.a, .so (a C compiler, meson and ninja will do)
	@command -v meson >/dev/null && command -v ninja >/dev/null && command -v $(CC) >/dev/null || \
		tools/deps --check lib
	@[ -e $(BUILD)/build.ninja ] || $(MAKE) --no-print-directory $(BUILD)/build.ninja \
		MESON_FLAGS='-Dscope=false $(MESON_FLAGS)'
	@ninja -C $(BUILD) --quiet libtophash.a libtophash.so.$(VERSION)

.PHONY: amalgamation
amalgamation: ## the map as one header: build/amalgamation/tophash.h
	@tools/amalgamate $(BUILD)/amalgamation

.PHONY: image
image: ## a container image of a static tophash: build/tophash-image.tar; TAG=name:version
	@tools/image --build $(BUILD) $(if $(TAG),--tag '$(TAG)')

.PHONY: deps deps-test
deps: ## install what building, testing and the benches need (Debian packages; says which)
	@tools/deps test bench
deps-test:
	@tools/deps test

$(BUILD)/build.ninja:
	@mkdir -p $(BUILD)
	@meson setup $(BUILD) --buildtype=release $(MESON_FLAGS) >$(BUILD)/setup.log 2>&1 || \
		$(call setup_failed,$(if $(findstring -Dscope=false,$(MESON_FLAGS)),lib))

# Prints why meson failed, and which packages would help. Only meson decides what is missing: a
# program may be there from elsewhere, without its package.
setup_failed = { grep ERROR $(BUILD)/setup.log >&2 || cat $(BUILD)/setup.log >&2; tools/deps --check $(1); exit 1; }

.PHONY: demo
demo: ## catch a vanishing map entry in a real, stripped Go program (root)
	@tools/deps demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/tophash

.PHONY: demo-map
demo-map: ## freeze a map in the middle of its growth and look at it with gdb
	@tools/deps lib gdb
	@tools/demo-map $(BUILD)/demo-map

# The tests are built only on demand, because building the tool needs no cmocka.
.PHONY: build-tests
build-tests: deps-test $(BUILD)/build.ninja
	@[ -d $(BUILD)/tests ] || meson configure $(BUILD) -Dscope=true -Dtests=true
	@ninja -C $(BUILD) --quiet

.PHONY: check
check: build-tests ## under a minute: unit tests, include rule, names, format; TEST=name: that unit test
	@tests/run --build $(BUILD) --check $(if $(TEST),--test '$(TEST)')

.PHONY: test
test: build-tests ## under 20 minutes: every suite, long lists sampled; ONLY=name, SEED=n
	@tests/run --build $(BUILD) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: test-long
test-long: build-tests ## hours: every suite, whole lists; writes docs/test-long.md; ONLY=STEP: one step
	@tools/deps kernel
	@tests/run --build $(BUILD) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)') --long --record docs/test-long.md

.PHONY: test-kernel
test-kernel: ## tophash on other kernels (5.10, 6.1, 6.12), in virtual machines
	@tools/deps kernel
	@$(MAKE) --no-print-directory all
	@tools/go-toolchains --fetch 1.23 1.26
	@tests/run --build $(BUILD) kernel

.PHONY: fuzz
fuzz: deps-test ## libFuzzer on each parser, SECONDS (30) each
	@tests/run --build $(BUILD) --fuzz-seconds $(or $(SECONDS),30) fuzz

.PHONY: stress-map
stress-map: deps-test ## the map against an array, all kinds of keys, MINUTES (10)
	@tests/map/stress.py --minutes $(or $(MINUTES),10)

.PHONY: bench-addr
bench-addr: ## addr beside addr2line, llvm-symbolizer, go tool addr2line: BENCH="--quick"
	@tools/deps bench
	@$(MAKE) --no-print-directory all
	@tools/go-toolchains --fetch 1.24 >/dev/null
	@bench/addr --tophash $(BUILD)/tophash $(BENCH)

.PHONY: bench-trace
bench-trace: ## cost of a traced delete beside bpftrace and a bare uprobe (root)
	@tools/deps bench
	@$(MAKE) --no-print-directory all
	@tools/go-toolchains --fetch 1.23 1.26 >/dev/null
	@bench/trace --tophash $(BUILD)/tophash

.PHONY: bench-attach
bench-attach: ## how long attaching takes, beside bpftrace; 100 processes, 100 copies (root): BENCH="--many 0"
	@tools/deps bench
	@$(MAKE) --no-print-directory all
	@bench/attach --tophash $(BUILD)/tophash $(BENCH)

.PHONY: bench-sites
bench-sites: ## finding a binary's delete sites, beside objdump and go tool objdump
	@tools/deps test
	@$(MAKE) --no-print-directory all
	@bench/sites --tophash $(BUILD)/tophash

.PHONY: bench-maps
bench-maps: ## time and memory of tophash maps for heaps of known size (root): BENCH="--rounds 3 --heaps small"
	@tools/deps test
	@$(MAKE) --no-print-directory all
	@tools/go-toolchains --fetch 1.23 1.26 >/dev/null
	@bench/maps --tophash $(BUILD)/tophash $(BENCH)

.PHONY: bench-map
bench-map: ## the map beside other hash maps: BENCH="--quick", BENCH="--type u64 -o new.json", BENCH=--small, PEERS=DIR
	@tools/deps bench-map
	@tools/map-peers --fetch >/dev/null || true
	@PEERS='$(PEERS)' bench/map/run $(BENCH)

.PHONY: fmt
fmt: ## format the C sources
	@command -v clang-format >/dev/null || { echo 'not installed: clang-format' >&2; exit 1; }
	@git ls-files '*.c' '*.h' '*.cc' '*.hpp' | xargs clang-format -i

.PHONY: lint
lint: build-tests ## clang-tidy, mandoc, names, format of every file, the include rule
	@tools/lint $(BUILD)

.PHONY: hooks
hooks: ## install tools/hooks/pre-commit: format, include rule, names, white space of what is committed
	@ln -sf "$$(pwd)/tools/hooks/pre-commit" "$$(git rev-parse --git-path hooks)/pre-commit"

.PHONY: install install-lib uninstall
install: all ## install tool, library and manual (DESTDIR, PREFIX and LIBDIR are honoured)
	@DESTDIR='$(DESTDIR)' tools/install install '$(BUILD)' '$(PREFIX)' '$(LIBDIR)'
install-lib: lib ## install the library alone
	@DESTDIR='$(DESTDIR)' ONLY_LIB=1 tools/install install '$(BUILD)' '$(PREFIX)' '$(LIBDIR)'
uninstall: ## take away what install installs
	@DESTDIR='$(DESTDIR)' tools/install uninstall '$(BUILD)' '$(PREFIX)' '$(LIBDIR)'

.PHONY: clean
clean: ## remove what was built
	@rm -rf $(BUILD) $(BUILD)-*

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  BENCH=...        options of bench/map/run; its --help lists them'
	@echo '  BUILD=dir        where to build (build)'
	@echo '  PREFIX=dir       where to install (/usr/local); LIBDIR=dir: PREFIX/lib; DESTDIR=dir: below it'
	@echo '  MESON_FLAGS=...  passed to meson setup, e.g. -Db_sanitize=address,undefined'
