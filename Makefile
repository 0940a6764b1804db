# Causeway. `make help` lists what there is; README.md tells what it is for.
#
# Variants build beside each other: make CC=clang BUILD=build/clang, make SANITIZE=address,undefined
# BUILD=build/asan, make OPTIMIZE=-O0 BUILD=build/o0.

BUILD    ?= build
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
OPTIMIZE ?= -O2
SANITIZE ?=
DESTDIR  ?=
PREFIX   ?= /usr/local

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wswitch-enum \
            -Wstrict-prototypes -Wmissing-prototypes -Wcast-align -Wcast-qual -Wvla -Wundef \
            -Wformat=2 -Wfloat-equal -Wframe-larger-than=8192 -Werror
CFLAGS   += -std=c17 -g $(OPTIMIZE) -fno-omit-frame-pointer $(WARNINGS) -I. -MMD -MP
LDFLAGS  += -pthread
ifneq ($(SANITIZE),)
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SANITIZE)
endif
# The pure rooms see no POSIX at all; the others say which world they live in.
POSIX    := -D_GNU_SOURCE -pthread

LIBRARIES := -luring -lsodium -llmdb -lzstd
GATEWAY_LIBRARIES := -lcyaml -lmicrohttpd -ljansson
TOOLS_LIBRARIES := -lcurl
TEST_LIBRARIES := -lcmocka

MATCHING_SOURCES    := $(sort $(wildcard matching/*.c matching/base/*.c))
REPLICATION_SOURCES := $(sort $(wildcard replication/*.c replication/io/*.c))
GATEWAY_SOURCES     := $(sort $(filter-out gateway/causewayd.c,$(wildcard gateway/*.c)))
TOOLS_SOURCES       := $(sort $(filter-out tools/causeway.c,$(wildcard tools/*.c)))
BENCH_SOURCES       := $(sort $(wildcard bench/*_bench.c))
TEST_SOURCES        := $(sort $(shell find tests -name '*_test.c' 2>/dev/null))
TEST_SUPPORT        := $(sort $(wildcard tests/support/*.c))
FUZZ_SOURCES        := $(sort $(shell find tests -name '*_fuzz.c' 2>/dev/null))

objects = $(patsubst %.c,$(BUILD)/objects/%.o,$(1))
PROGRAMS := $(BUILD)/causewayd $(BUILD)/causeway
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(BENCH_SOURCES))
ARCHIVES := $(BUILD)/libtools.a $(BUILD)/libgateway.a $(BUILD)/libreplication.a $(BUILD)/libmatching.a

.PHONY: all build tests-build run test check lint format bench install clean help packages fuzz
all: build
build: $(PROGRAMS) $(BUILD)/libmatching.a $(BUILD)/libreplication.a
tests-build: build $(TESTS)

help:
	@echo 'make run      install what is missing, build, trade, kill, restart, prove (FLOW=file: a LOBSTER file)'
	@echo 'make test     install what is missing, build, run every test'
	@echo 'make check    test + lint + sanitizers + short fuzzing + second compiler'
	@echo 'make bench    measure; prints a table, writes $(BUILD)/bench.json'
	@echo 'make fuzz     fuzz every decoder (SECONDS=10 each)'
	@echo 'make lint     layout, purity of the cores, arrows between rooms, function length'
	@echo 'make format   apply .clang-format'
	@echo 'make install  programs to $$(DESTDIR)$$(PREFIX)/bin (DESTDIR=, PREFIX=/usr/local)'
	@echo 'make clean    remove $(BUILD)'
	@echo 'Variants: CC=clang, OPTIMIZE=-O0, SANITIZE=address,undefined, each with its own BUILD=directory'

$(BUILD)/objects/matching/base/assertion.o: CFLAGS += -D_GNU_SOURCE
$(BUILD)/objects/replication/%.o $(BUILD)/objects/gateway/%.o $(BUILD)/objects/tools/%.o \
$(BUILD)/objects/tests/%.o $(BUILD)/objects/bench/%.o: CFLAGS += $(POSIX)

$(BUILD)/objects/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/libmatching.a: $(call objects,$(MATCHING_SOURCES))
$(BUILD)/libreplication.a: $(call objects,$(REPLICATION_SOURCES))
$(BUILD)/libgateway.a: $(call objects,$(GATEWAY_SOURCES))
$(BUILD)/libtools.a: $(call objects,$(TOOLS_SOURCES))
$(BUILD)/libtests.a: $(call objects,$(TEST_SUPPORT))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/causewayd: $(BUILD)/objects/gateway/causewayd.o $(BUILD)/libgateway.a $(BUILD)/libreplication.a $(BUILD)/libmatching.a
	$(CC) $(LDFLAGS) -o $@ $^ $(GATEWAY_LIBRARIES) $(LIBRARIES)

$(BUILD)/causeway: $(BUILD)/objects/tools/causeway.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $^ $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(BUILD)/tests/%_test: $(BUILD)/objects/tests/%_test.o $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(BUILD)/bench/%_bench: $(BUILD)/objects/bench/%_bench.o $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

clean:
	rm -rf $(BUILD)

format:
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

.PRECIOUS: $(BUILD)/objects/%.o
-include $(shell find $(BUILD)/objects -name '*.d' 2>/dev/null)
