# heapwatch: "make run" and "make test" are all a newcomer needs.
# Everything is built below $(BUILD); SANITIZE=address,undefined builds a
# second tree beside it.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

VERSION  := 0.1.0
PREFIX   ?= /usr/local
DESTDIR  ?=
SANITIZE ?=
WERROR   ?=
V        ?=

comma := ,
BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))

CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_ARCH := $(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m)))

# The build's date tells a gateway without a clock battery that its clock is
# wrong. The newest commit's, so that two builds of one tree are equal; where
# there is no git, the newest change of what is told of it.
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),$(shell stat -c %Y CHANGELOG.md))

LIBRARIES := libbpf libelf zlib libmicrohttpd jansson sqlite3 liblz4 yaml-0.1 libpcre2-8
LIBRARY_CFLAGS = $(shell pkg-config --cflags $(LIBRARIES))
LIBRARY_LIBS   = $(shell pkg-config --libs $(LIBRARIES))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wvla -Wformat=2 $(if $(WERROR),-Werror)
OPTIMISE := $(if $(SANITIZE),-O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer,-O2 -g -D_FORTIFY_SOURCE=2)
CFLAGS   ?=
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -I$(BUILD) $(WARNINGS) $(OPTIMISE) \
	     -fstack-protector-strong -fPIE -pthread $(LIBRARY_CFLAGS) $(CFLAGS)
LDFLAGS  ?=
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now \
	      $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

msg = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

# ---- the program ----

main_source := server/main.c
sources  := $(filter-out $(main_source),$(wildcard common/*.c collector/*.c \
	    collector/*/*.c server/*.c server/*/*.c))
bpf      := $(wildcard bpf/*.bpf.c)
skeletons := $(bpf:%.bpf.c=$(BUILD)/%.skel.h)
objects  := $(sources:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/heapwatch
	@:

$(BUILD)/heapwatch: $(BUILD)/server/main.o $(BUILD)/libheapwatch.a
	$(call msg,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) -lm

$(BUILD)/libheapwatch.a: $(objects)
	$(call msg,AR,$@)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c | $(skeletons)
	@mkdir -p $(@D)
	$(call msg,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/common/version.o $(BUILD)/common/clock.o: ALL_CFLAGS += \
	-DHEAPWATCH_VERSION='"$(VERSION)"' -DHEAPWATCH_BUILD_TIME=$(SOURCE_DATE_EPOCH)

# BPF programs are loaded by hand-written kernel structs (bpf/kernel.h), so
# they need no BTF of the machine that builds them.
.SECONDARY:
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(call msg,BPF,$<)$(CLANG) -O2 -g -Wall -Wextra -target bpf -mcpu=v3 \
		-D__TARGET_ARCH_$(BPF_ARCH) -I. -I/usr/include/$(MULTIARCH) -c -o $@ $<

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call msg,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf > $@

# ---- the executable of the Grafana plugin ----
# Static, so that it runs in any image of Grafana's; a sanitized one is not.
# PLUGIN_ARCH=arm64 builds it for another architecture, with libraries of that
# one fetched below build/ and a compiler that "packaging/deps cross" installs.

PLUGIN_ARCH ?= $(BPF_ARCH:x86=amd64)
plugin_build := $(BUILD)/plugin$(if $(filter-out amd64,$(PLUGIN_ARCH)),-$(PLUGIN_ARCH))
plugin := $(BUILD)/plugin/gpx_heapwatch_linux_$(PLUGIN_ARCH)
plugin_common := buf clock json json_span number proto utf8 version
plugin_backend := $(patsubst %.c,$(plugin_build)/%.o,$(wildcard grafana-plugin/backend/*.c))
plugin_objects := $(plugin_common:%=$(plugin_build)/common/%.o) $(plugin_backend)
plugin_libs := -lnghttp2 -levent_openssl -levent_extra -levent_core -lssl -lcrypto -lm

.PHONY: plugin-backend
plugin-backend:
	@[ -x $(plugin) ] || packaging/deps build plugin
	@$(MAKE) --no-print-directory $(plugin)

ifneq ($(PLUGIN_ARCH),$(BPF_ARCH:x86=amd64))
cross := build/cross-$(PLUGIN_ARCH)
triplet := $(subst amd64,x86_64,$(subst arm64,aarch64,$(PLUGIN_ARCH)))-linux-gnu
$(plugin) $(plugin_objects): CC := $(triplet)-gcc
$(plugin) $(plugin_objects): CFLAGS += -I$(cross)/usr/include -I$(cross)/usr/include/$(triplet)
$(plugin): LDFLAGS += -L$(cross)/usr/lib/$(triplet)
$(plugin_objects): | $(cross)/fetched
$(cross)/fetched:
	@packaging/deps cross
	@packaging/again packaging/cross-libraries $(PLUGIN_ARCH) $(cross) libssl-dev libnghttp2-dev libevent-dev
	@touch $@
endif

$(plugin_build)/common/version.o $(plugin_build)/common/clock.o: ALL_CFLAGS += \
	-DHEAPWATCH_VERSION='"$(VERSION)"' -DHEAPWATCH_BUILD_TIME=$(SOURCE_DATE_EPOCH)

$(plugin_build)/%.o: LIBRARY_CFLAGS :=
$(plugin_build)/%.o: %.c
	@mkdir -p $(@D)
	$(call msg,CC,$<)$(CC) $(ALL_CFLAGS) -ffunction-sections -MMD -MP -c -o $@ $<

# OpenSSL's loader of plugins calls dlopen, which we never do: -w keeps the
# linker's word on that out.
$(plugin): $(plugin_objects)
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(if $(SANITIZE),$(ALL_LDFLAGS),-static -s \
		-Wl$(comma)--gc-sections$(comma)-w $(LDFLAGS)) \
		-o $@ $^ $(plugin_libs)

# Grafana's own SDK as the host, beside a real server and real programs. Go
# 1.26.8 of the ordinary client, or as the module golang.org/toolchain.
.PHONY: check-plugin
check-plugin: all plugin-backend | victims
	@HEAPWATCH=$(BUILD)/heapwatch PLUGIN=$(plugin) tests/grafana-host/run test

# The one for arm64, run by qemu.
emulated := build/plugin/emulated-arm64
.PHONY: check-arm64
check-arm64: all | victims
	@$(MAKE) --no-print-directory PLUGIN_ARCH=arm64 plugin-backend
	@printf '#!/bin/sh\nexec qemu-aarch64 "$$(dirname "$$0")"/gpx_heapwatch_linux_arm64\n' >$(emulated)
	@chmod +x $(emulated)
	@HEAPWATCH=$(BUILD)/heapwatch PLUGIN=$(emulated) tests/grafana-host/run test \
		-run 'EveryCall|TLS|ServersThatFail|Shutdown'

# Size, start, memory and speed beside a Go plugin that does the same.
.PHONY: bench-plugin
bench-plugin: all plugin-backend | victims
	@HEAPWATCH=$(BUILD)/heapwatch PLUGIN=$(plugin) tests/grafana-host/run bench

# ---- its shell, in TypeScript ----
# Packages and what is made of them lie below build: the same sources beside
# those of the newest Grafana and of the oldest that it runs in. 560 MB each.

npm_ci = $(call msg,NPM,$(@D)){ command -v npm >/dev/null || \
	 { echo "npm is missing: install Node 18.18 or later and npm (apt-get install nodejs npm)" >&2; exit 2; }; } && \
	 mkdir -p $(@D) && cp $^ $(@D) && cd $(@D) && \
	 { $(CURDIR)/packaging/again npm ci >npm.log 2>&1 || { cat npm.log; exit 1; }; } && touch $(@F)
npm_files := package.json package-lock.json .npmrc
shell_parts := src harness tests tsconfig.json vite.config.ts eslint.config.mjs README.md CHANGELOG.md
shell_sources := $(shell cd grafana-plugin && find $(shell_parts) -type f)
plugin_id := heapwatch-heapwatch-datasource
plugin_dist := build/plugin-dist/$(plugin_id)

build/shell/installed: $(addprefix grafana-plugin/,$(npm_files))
	$(npm_ci)
build/shell-10.4/installed: $(addprefix grafana-plugin/grafana-10.4/,$(npm_files))
	$(npm_ci)
build/shell/laid: build/shell/installed
build/shell-10.4/laid: build/shell-10.4/installed
build/shell/laid build/shell-10.4/laid: $(addprefix grafana-plugin/,$(shell_sources))
	@cd $(@D) && rm -rf $(shell_parts) && cp -r $(shell_parts:%=$(CURDIR)/grafana-plugin/%) . && touch $(@F)

.PHONY: shell
shell: build/shell/laid
	$(call msg,VITE,build/shell/dist)cd build/shell && VERSION=$(VERSION) \
		SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) npm run --silent build -- --logLevel warn

# The folder and the zip that Grafana loads; each architecture that was built.
.PHONY: plugin
plugin: plugin-backend shell
	@rm -rf build/plugin-dist && mkdir -p build/plugin-dist && cp -r build/shell/dist $(plugin_dist)
	@install -m 644 LICENSE $(plugin_dist) && install -m 755 $(BUILD)/plugin/gpx_heapwatch_linux_* $(plugin_dist)
	$(call msg,ZIP,$(plugin_dist)-$(VERSION).zip)packaging/plugin-zip $(plugin_dist) \
		$(plugin_dist)-$(VERSION).zip $(SOURCE_DATE_EPOCH)

# The page on which a browser finds the editors without Grafana.
build/shell/harness-dist/index.html: build/shell/laid
	$(call msg,VITE,$(@D))cd build/shell && node_modules/.bin/vite build -c harness/vite.config.ts --logLevel error

# Types and units beside both Grafanas, then clicks in a real browser.
.PHONY: check-shell check-shell-quick
check-shell-quick: build/shell/laid
	@cd build/shell && npm run --silent typecheck && npm run --silent lint && npm run --silent test

check-shell: all check-shell-quick plugin $(BUILD)/tests/bench/load_store \
	     build/shell-10.4/laid build/shell/harness-dist/index.html
	@cd build/shell-10.4 && npm run --silent typecheck && npm run --silent test
	@HEAPWATCH=$(BUILD)/heapwatch PLUGIN=$(plugin) E2E_TIMEOUT=1800 tests/run-e2e shell

# ---- dashboards ----

# From dashboards/source and docs/metrics.md; a test compares.
.PHONY: dashboards
dashboards:
	@dashboards/build

dashboards_npm := $(addprefix tests/dashboards/,package.json package-lock.json .npmrc)
build/dashboards/installed: $(dashboards_npm)
	$(npm_ci)

# Grafana's types, the plugin's executable, a look at each in Chromium.
.PHONY: check-dashboards
check-dashboards: all plugin-backend build/grafana-data/installed build/dashboards/installed
	@HEAPWATCH=$(BUILD)/heapwatch PLUGIN=$(plugin) tests/dashboards/check.py

# docs/screenshots, after MINUTES of a small plant.
.PHONY: screenshots
screenshots: MINUTES = 20
screenshots: all build/grafana-data/installed
	@HEAPWATCH=$(BUILD)/heapwatch tests/dashboards/check.py screenshots $(MINUTES)

# ---- run ----

.PHONY: run deps deps-test
deps:
	@packaging/deps build

deps-test:
	@packaging/deps build test

run: deps
	@$(MAKE) --no-print-directory all
	@mkdir -p var
	@exec $(BUILD)/heapwatch serve --db var/heapwatch.db $(ARGS)

# Three services to look at, one of them ill; needs Go and a JDK besides.
.PHONY: demo
demo: deps
	@{ command -v go && command -v javac; } >/dev/null || packaging/deps demo
	@$(MAKE) --no-print-directory all
	@tests/victims/demo/build build/victims/demo
	@exec tests/victims/demo/run $(BUILD)/heapwatch build/victims/demo $(ARGS)

# ---- tests ----
# check: units, no root. test: all that proves the program, on real processes.

unit_tests := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))
root_tests := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/root_*.c))
FUZZ       ?= *
fuzzers    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard $(FUZZ:%=tests/fuzz/fuzz_%.c)))

$(BUILD)/tests/%: tests/%.c tests/test.h $(BUILD)/libheapwatch.a
	@mkdir -p $(@D)
	$(call msg,CC,$<)$(CC) $(ALL_CFLAGS) -I tests -MMD -MP -o $@ $< \
		$(ALL_LDFLAGS) $(BUILD)/libheapwatch.a $(LIBRARY_LIBS) \
		$(shell pkg-config --libs check) -lm

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/libheapwatch.a
	@mkdir -p $(@D)
	$(call msg,CC,$<)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< \
		$(ALL_LDFLAGS) $(filter %.o,$^) $(BUILD)/libheapwatch.a $(LIBRARY_LIBS) -lm

# All of the plugin but its way to servers.
wire := $(BUILD)/tests/fuzz/fuzz_plugin_wire
$(wire): $(filter-out $(addprefix %/,main.o log.o lookup.o tls.o upstream.o),$(plugin_backend))
$(wire): LIBRARY_LIBS += -lnghttp2 -levent_core

.PHONY: check
check: $(unit_tests)
	@tests/run-units $(unit_tests)

# Real programs with known heaps, in every version that is promised.
.PHONY: victims
victims:
	@tests/victims/build build/victims

.PHONY: check-root
check-root: $(root_tests) | victims
	@tests/run-units $(root_tests)

# Grafana's own reading of answers, from npm, exactly as locked.
grafana_data := $(addprefix tests/grafana-data/,package.json package-lock.json .npmrc)
build/grafana-data/installed: $(grafana_data)
	$(npm_ci)

.PHONY: check-e2e
check-e2e: all $(BUILD)/tests/bench/load_store $(BUILD)/tests/alerts/load_day build/grafana-data/installed | victims
	@HEAPWATCH=$(BUILD)/heapwatch tests/run-e2e $(E2E)

# Alert rules beside a real Prometheus and Alertmanager, twelve times faster.
.PHONY: check-alerts
check-alerts: all | victims
	@cd tests/alerts && HEAPWATCH=$(BUILD)/heapwatch python3 -m unittest -v test_live

# The container image's build stage in a Debian of its own, and what comes out
# of it run as docker-compose.yml says. Fetches some 250 MB of packages.
.PHONY: check-image
check-image: all | victims
	@packaging/deps image
	@cd tests/image && python3 -m unittest -v test_image

FUZZ_SECONDS ?= 15
.PHONY: check-fuzz
check-fuzz: $(fuzzers)
	@tests/run-fuzz $(FUZZ_SECONDS) $(fuzzers)

sanitized := SANITIZE=address,undefined
fuzzing   := SANITIZE=fuzzer-no-link,address,undefined CC=clang BUILD=build-fuzz

.PHONY: test
test: deps-test
	@tests/run-part build    $(MAKE) --no-print-directory -j2 all victims
	@tests/run-part layers   $(MAKE) --no-print-directory layers
	@tests/run-part check    $(MAKE) --no-print-directory -j2 check
	@tests/run-part check-asan $(MAKE) --no-print-directory -j2 $(sanitized) check
	@tests/run-part root     $(MAKE) --no-print-directory -j2 $(sanitized) check-root
	@tests/run-part e2e      $(MAKE) --no-print-directory -j2 $(sanitized) check-e2e
	@tests/run-part fuzz     $(MAKE) --no-print-directory -j2 $(fuzzing) check-fuzz

# Those that make many threads meet: questions beside writing, reload, targets
# that come and go or lie, a full disk, steps of the clock, maintenance.
tsan_e2e := test_http test_load test_reload test_state test_discovery test_disk \
	    test_hostile test_maintenance test_program test_questions test_time

# Readers of what a watched process wrote are fuzzed for longer.
target_fed := hsperf elf buildinfo dwarf usdt proc

# What takes longer or needs another compiler: one half compiles, the other
# mostly waits, so both run at once. They share what is built before.
remake := $(MAKE) --no-print-directory

.PHONY: ci ci-compiling ci-watching
ci: all victims plugin-backend $(BUILD)/tests/bench/load_store build/grafana-data/installed
	@$(remake) -j2 ci-compiling ci-watching

ci-compiling:
	+@tests/run-part warnings   $(remake) WERROR=1 BUILD=build-werror all
	+@tests/run-part clang      $(remake) CC=clang WERROR=1 BUILD=build-clang all
	+@tests/run-part tidy       $(remake) tidy
	+@tests/run-part shell      $(remake) check-shell
	+@tests/run-part plugin     $(remake) check-plugin
	+@tests/run-part plugin-asan $(remake) $(sanitized) check-plugin
	+@tests/run-part arm64      $(remake) check-arm64
	+@tests/run-part image      $(remake) check-image
	+@tests/run-part dashboards $(remake) check-dashboards

ci-watching:
	+@tests/run-part soak       $(remake) MINUTES=5 soak
	+@tests/run-part fuzz-targets $(remake) $(fuzzing) FUZZ="$(target_fed)" FUZZ_SECONDS=60 check-fuzz
	+@tests/run-part tsan       $(remake) SANITIZE=thread check
	+@tests/run-part tsan-e2e   $(remake) SANITIZE=thread HOSTILE_ENDS=300 E2E_JOBS=1 E2E_PATIENCE=4 E2E="$(tsan_e2e)" check-e2e
	+@tests/run-part load       $(remake) LOAD_SECONDS=60 E2E=test_load check-e2e
	+@tests/run-part alerts     $(remake) check-alerts

# Server, victims that come and go, and questions together: does it grow?
MINUTES ?= 60
.PHONY: soak
soak: all $(BUILD)/tests/bench/load_store | victims
	@HEAPWATCH=$(BUILD)/heapwatch tests/soak/soak.py $(MINUTES)

# Mistakes that clang-tidy knows; .clang-tidy says which, and which not.
.PHONY: tidy
tidy: $(skeletons)
	@tests/run-tidy $(sources) $(main_source) \
		$(wildcard grafana-plugin/backend/*.c) -- \
		$(filter-out -W%,$(ALL_CFLAGS)) -DHEAPWATCH_VERSION='"$(VERSION)"' \
		-DHEAPWATCH_BUILD_TIME=$(SOURCE_DATE_EPOCH)

# ---- speed and weight: ratios, never asserted ----

.PHONY: bench
bench: all
	@tests/bench/cost.py $(PAIRS)

# Beside Debian's prometheus, which holds the same samples.
.PHONY: bench-http
bench-http: all $(BUILD)/tests/bench/load_store
	@tests/bench/dashboard.py $(TARGETS)

# ---- order ----

.PHONY: layers
layers:
	@tests/layers

include packaging/install.mk

.PHONY: clean
clean:
	rm -rf build build-*

# What stands in a table of the program is written from there; tests compare.
.PHONY: docs
docs: $(BUILD)/tests/test_metric_page $(BUILD)/heapwatch
	$(BUILD)/tests/test_metric_page --print > docs/metrics.md
	packaging/readme-table $(BUILD)/heapwatch

# The alert rules of Grafana and Prometheus, from dashboards/alerts/rules.yaml.
.PHONY: alerts
alerts:
	dashboards/alerts/build
	@dashboards/alerts/check

.PHONY: format
format:
	@packaging/deps format
	clang-format-14 -i $(shell git ls-files '*.c' '*.h')

-include $(plugin_objects:.o=.d)
-include $(objects:.o=.d) $(BUILD)/server/main.d $(unit_tests:=.d) \
	 $(root_tests:=.d) $(fuzzers:=.d)
