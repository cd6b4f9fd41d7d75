# A short front for meson and ninja; `make help` says what there is.
#
# The targets that need packages ask tools/deps for them first; it does nothing where nothing is
# missing.

BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
VERSION := $(shell cat VERSION)
MESON_FLAGS ?=
CACHE ?= .cache

.DEFAULT_GOAL := all

.PHONY: all
all: deps-build $(BUILD)/build.ninja ## build the tool (build/tophash) and the library (build/libtophash.*)
	@[ -d $(BUILD)/scope ] || meson configure $(BUILD) -Dscope=true
	@ninja -C $(BUILD) --quiet

# Who wants the map alone needs nothing of what the tool is built with.
.PHONY: lib
lib: ## build the library alone: build/libtophash.a, .so (a C compiler, meson and ninja will do)
	@command -v meson >/dev/null && command -v ninja >/dev/null && command -v $(CC) >/dev/null || \
		tools/deps lib
	@[ -e $(BUILD)/build.ninja ] || $(MAKE) --no-print-directory $(BUILD)/build.ninja \
		MESON_FLAGS='-Dscope=false $(MESON_FLAGS)'
	@ninja -C $(BUILD) --quiet libtophash.a libtophash.so.$(VERSION)

.PHONY: amalgamation
amalgamation: ## the map as one header: build/amalgamation/tophash.h
	@tools/amalgamate $(BUILD)/amalgamation

.PHONY: deps deps-build deps-test
deps: ## install what building and testing need (Debian packages; says which)
	@tools/deps test
deps-build:
	@tools/deps
deps-test:
	@tools/deps test

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --buildtype=release $(MESON_FLAGS) >$(BUILD).log 2>&1 || \
		{ cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

.PHONY: demo
demo: ## catch a vanishing map entry in a real, stripped Go program (root)
	@tools/deps demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/tophash

.PHONY: demo-map
demo-map: ## freeze a map in the middle of its growth and look at it with gdb
	@tools/deps lib gdb
	@tools/demo-map $(BUILD)/demo-map

# The tests are built only where they are asked for: who wants the tool needs no cmocka.
.PHONY: build-tests
build-tests: deps-test $(BUILD)/build.ninja
	@[ -d $(BUILD)/tests ] || meson configure $(BUILD) -Dscope=true -Dtests=true
	@ninja -C $(BUILD) --quiet

.PHONY: test
test: build-tests ## every test: without privilege first, then those that need root and BPF
	@tests/run --build $(BUILD)

.PHONY: test-unit
test-unit: build-tests ## only the tests that need no privilege
	@tests/run --build $(BUILD) unit map-pack shape sanitize lint-includes

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
	@bench/addr --tophash $(BUILD)/tophash $(BENCH)

.PHONY: bench-trace
bench-trace: ## cost of a traced delete beside bpftrace and a bare uprobe (root)
	@tools/deps bench
	@$(MAKE) --no-print-directory all
	@bench/trace --tophash $(BUILD)/tophash

.PHONY: bench-sites
bench-sites: ## finding a binary's delete sites, beside objdump and go tool objdump
	@tools/deps test
	@$(MAKE) --no-print-directory all
	@bench/sites --tophash $(BUILD)/tophash

.PHONY: bench-map
bench-map: ## the map beside other hash maps: BENCH="--quick", BENCH="--type u64 -o new.json"
	@tools/deps bench-map
	@bench/map/run $(BENCH)

.PHONY: fmt
fmt: ## format the C sources
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format -i

.PHONY: lint
lint: build-tests ## clang-tidy, the include rule
	@tools/check-includes
	@tools/lint $(BUILD)

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
