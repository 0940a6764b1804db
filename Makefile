# Causeway. `make help` lists what there is; README.md tells what it is for.
#
# Variants build beside each other: make CC=clang BUILD=build/clang, make SANITIZE=address,undefined
# BUILD=build/asan, make OPTIMIZE=-O0 BUILD=build/o0. A change of flags rebuilds what it touches.

BUILD    ?= build
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
OPTIMIZE ?= -O2
DEBUG    ?= -g
LINKER   ?=
SANITIZE ?=
DESTDIR  ?=
PREFIX   ?= /usr/local

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wswitch-enum \
            -Wstrict-prototypes -Wmissing-prototypes -Wcast-align -Wcast-qual -Wvla -Wundef \
            -Wformat=2 -Wfloat-equal -Wframe-larger-than=8192 -Werror
CFLAGS   += -std=c17 $(DEBUG) $(OPTIMIZE) -fno-omit-frame-pointer $(WARNINGS) -I. -MMD -MP
LDFLAGS  += -pthread $(LINKER)
ifneq ($(SANITIZE),)
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SANITIZE)
endif
# The pure rooms see no POSIX at all; the others say which world they live in.
POSIX    := -D_GNU_SOURCE -pthread
# V=1 shows whole commands instead of a word each.
QUIET    := $(if $(V),,@)
SAY      := @$(if $(V),:,echo)
# Targets that build call make again, after packages are there: parallel unless told otherwise.
PARALLEL  = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

LIBRARIES := -luring -lsodium -llmdb -lzstd -lssl -lcrypto
GATEWAY_LIBRARIES := -lcyaml -lyaml -lmicrohttpd -ljansson
TOOLS_LIBRARIES := -lcurl
TEST_LIBRARIES := -lcmocka

MATCHING_SOURCES    := $(sort $(wildcard matching/*.c matching/base/*.c))
REPLICATION_SOURCES := $(sort $(wildcard replication/*.c replication/io/*.c))
GATEWAY_SOURCES     := $(sort $(filter-out gateway/causewayd.c,$(wildcard gateway/*.c)))
TOOLS_SOURCES       := $(sort $(filter-out tools/causeway.c,$(wildcard tools/*.c)))
BENCH_SOURCES       := $(sort $(wildcard bench/*_bench.c))
TEST_SOURCES        := $(sort $(shell find tests -name '*_test.c' 2>/dev/null))
TEST_SUPPORT        := $(sort $(wildcard tests/support/*.c))
SIM_SOURCES         := $(sort $(filter-out %_test.c tests/sim/sim_main.c,$(wildcard tests/sim/*.c)))
FUZZ_SOURCES        := $(sort $(shell find tests -name '*_fuzz.c' 2>/dev/null))

objects = $(patsubst %.c,$(BUILD)/objects/%.o,$(1))
PROGRAMS := $(BUILD)/causewayd $(BUILD)/causeway
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SOURCES))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(BENCH_SOURCES))
ARCHIVES := $(BUILD)/libtools.a $(BUILD)/libgateway.a $(BUILD)/libreplication.a $(BUILD)/libmatching.a
ROOMS    := $(MATCHING_SOURCES) $(REPLICATION_SOURCES) $(GATEWAY_SOURCES) $(TOOLS_SOURCES) \
            $(wildcard gateway/causewayd.c tools/causeway.c)

.PHONY: all build tests-build objects-build fuzzers-build run test check lint format bench fuzz soak \
        drills chaos models mutants install clean help force
all: build
build: $(PROGRAMS) $(BUILD)/libmatching.a $(BUILD)/libreplication.a
objects-build: $(call objects,$(ROOMS))
tests-build: build $(TESTS)
fuzzers-build: $(FUZZERS)

help:
	@echo 'make run      install what is missing, build, trade at three sites, lose a region, prove (FLOW=file: a LOBSTER file at one site)'
	@echo 'make test     install what is missing, build, run every test (NAMES="book wal": only those)'
	@echo 'make check    test + lint + sanitizers + short fuzzing + second compiler + models + simulation'
	@echo 'make bench    measure; prints a table, writes $(BUILD)/bench.json'
	@echo 'make fuzz     fuzz every decoder (SECONDS=10 each)'
	@echo 'make models   search the Spin models of the consensus, planted bugs included (DEEP=1: the large ones, too)'
	@echo 'make mutants  plant bugs in the consensus and its neighbours, one at a time: a test or the simulator must notice each (NAMES=)'
	@echo 'make soak     simulate whole clusters with faults (SEEDS=1000; SEED: the first one)'
	@echo 'make drills   every scenario of tools/drills, one after the other (SCENARIOS= names some; SECONDS=30 of order flow each; about 12 min)'
	@echo 'make chaos    real sites killed, frozen, cut off, their disks full, while clients trade (SECONDS=60 SITES="3 5" SEED=)'
	@echo 'make lint     layout, purity of the cores, arrows between rooms, function length, ...'
	@echo 'make format   apply .clang-format'
	@echo 'make install  programs to $$(DESTDIR)$$(PREFIX)/bin, drills to share (DESTDIR=, PREFIX=/usr/local)'
	@echo 'make clean    remove $(BUILD)'
	@echo 'Variants: CC=clang, OPTIMIZE=-O0, SANITIZE=address,undefined, each with its own BUILD=directory; V=1 shows commands'

run:
	@tools/packages build
	@$(MAKE) --no-print-directory $(PARALLEL) build
	@BUILD='$(BUILD)' FLOW='$(FLOW)' tools/run

test:
	@tools/packages build
	@$(MAKE) --no-print-directory $(PARALLEL) tests-build
	@tests/run '$(BUILD)' $(NAMES)

check:
	@tools/packages check
	@tests/check '$(BUILD)'

lint:
	@tools/packages check
	@$(MAKE) --no-print-directory $(PARALLEL) objects-build
	@tests/lint '$(BUILD)'

FUZZ_BUILD := $(BUILD)/asan
fuzz:
	@tools/packages check
	@$(MAKE) --no-print-directory $(PARALLEL) CC=clang SANITIZE=fuzzer-no-link,address,undefined \
	    BUILD='$(FUZZ_BUILD)' fuzzers-build
	@tests/fuzz '$(FUZZ_BUILD)' '$(or $(SECONDS),10)' -1

models:
	@tools/packages check
	@DEEP='$(DEEP)' tests/model/run '$(BUILD)' $(NAMES)

mutants:
	@tools/packages check
	@tests/mutants/run '$(BUILD)' $(NAMES)

# A new first seed each time unless SEED names one, so that no two soaks are the same.
soak:
	@tools/packages build
	@$(MAKE) --no-print-directory $(PARALLEL) $(BUILD)/tests/sim/sim
	@$(BUILD)/tests/sim/sim --seed '$(or $(SEED),$(shell date +%s)000000)' --seeds '$(or $(SEEDS),1000)' --jobs '$(shell nproc)'

# SECONDS: order flow of each; SCENARIOS: some of them.
drills:
	@tools/packages build
	@$(MAKE) --no-print-directory $(PARALLEL) build
	@tests/drills '$(BUILD)' '$(or $(SECONDS),30)' $(SCENARIOS)

# SECONDS: order flow of each run; SITES: 3, 5, 7 or 9, or several; SEED repeats a run's timeline.
chaos:
	@tools/packages check
	@$(MAKE) --no-print-directory $(PARALLEL) build
	@tests/chaos '$(BUILD)' '$(or $(SECONDS),60)' '$(or $(SITES),3 5)' '$(SEED)'

bench:
	@tools/packages build
	@$(MAKE) --no-print-directory $(PARALLEL) build $(BENCHES)
	@bench/run '$(BUILD)'

install: build
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 $(PROGRAMS) '$(DESTDIR)$(PREFIX)/bin'
	install -d '$(DESTDIR)$(PREFIX)/share/causeway/drills'
	install -m 644 tools/drills/*.yaml '$(DESTDIR)$(PREFIX)/share/causeway/drills'

clean:
	rm -rf '$(BUILD)'

format:
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

# Rewritten only when the text changes, so that what depends on it is made again just then.
FLAGS := $(CC) $(CFLAGS)
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/objects/matching/base/assertion.o: private CFLAGS += -D_GNU_SOURCE
$(BUILD)/objects/replication/%.o $(BUILD)/objects/gateway/%.o $(BUILD)/objects/tools/%.o \
$(BUILD)/objects/tests/%.o $(BUILD)/objects/bench/%.o: private CFLAGS += $(POSIX)

$(BUILD)/objects/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) 'cc   $<'
	$(QUIET)$(CC) $(CFLAGS) -c -o $@ $<

# An archive is made again also when a source has gone.
$(BUILD)/libmatching.a: $(call objects,$(MATCHING_SOURCES))
$(BUILD)/libreplication.a: $(call objects,$(REPLICATION_SOURCES))
$(BUILD)/libgateway.a: $(call objects,$(GATEWAY_SOURCES))
$(BUILD)/libtools.a: $(call objects,$(TOOLS_SOURCES))
$(BUILD)/libtests.a: $(call objects,$(TEST_SUPPORT))
$(BUILD)/libsim.a: $(call objects,$(SIM_SOURCES))
$(BUILD)/%.a: $(BUILD)/%.members
	@rm -f $@
	$(SAY) 'ar   $(@F)'
	$(QUIET)ar rcs $@ $(filter %.o,$^)
$(BUILD)/libmatching.members: MEMBERS := $(MATCHING_SOURCES)
$(BUILD)/libreplication.members: MEMBERS := $(REPLICATION_SOURCES)
$(BUILD)/libgateway.members: MEMBERS := $(GATEWAY_SOURCES)
$(BUILD)/libtools.members: MEMBERS := $(TOOLS_SOURCES)
$(BUILD)/libtests.members: MEMBERS := $(TEST_SUPPORT)
$(BUILD)/libsim.members: MEMBERS := $(SIM_SOURCES)
$(BUILD)/%.members: force
	@mkdir -p $(@D)
	@echo '$(MEMBERS)' | cmp -s - $@ || echo '$(MEMBERS)' >$@

$(BUILD)/causewayd: $(BUILD)/objects/gateway/causewayd.o $(BUILD)/libgateway.a $(BUILD)/libreplication.a $(BUILD)/libmatching.a
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(GATEWAY_LIBRARIES) $(LIBRARIES)

$(BUILD)/causeway: $(BUILD)/objects/tools/causeway.o $(ARCHIVES)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(BUILD)/tests/%_test: $(BUILD)/objects/tests/%_test.o $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

# The simulator has its own signatures, pages and files of streams (sim_sodium.c, sim_pages.c,
# sim_storage.c), which go before those of libsodium, io and gateway.
$(BUILD)/tests/sim/%_test: $(BUILD)/objects/tests/sim/%_test.o $(BUILD)/libsim.a $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(BUILD)/tests/sim/sim: $(BUILD)/objects/tests/sim/sim_main.o $(BUILD)/libsim.a $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

# MUTANT=name: $(BUILD)/mutants/NAME/tests/... with the bug of tests/mutants/NAME.patch in it. The sources that it
# touches are compiled patched and stand before the archives, which give all the others as they are.
ifneq ($(MUTANT),)
MUTANT_BUILD   := $(BUILD)/mutants/$(MUTANT)
MUTANT_PATCH   := tests/mutants/$(MUTANT).patch
MUTANT_SOURCES := $(shell sed -nE 's,^\+\+\+ b/([^[:space:]]+).*,\1,p' '$(MUTANT_PATCH)')
MUTANT_OBJECTS := $(patsubst %.c,$(MUTANT_BUILD)/%.o,$(MUTANT_SOURCES))

$(MUTANT_BUILD)/planted: $(MUTANT_PATCH) $(MUTANT_SOURCES)
	@rm -rf '$@' '$(@D)/source'
	@mkdir -p '$(@D)/source'
	@cp --parents $(MUTANT_SOURCES) '$(@D)/source'
	@patch --batch --forward --fuzz=0 --strip=1 --directory='$(@D)/source' <'$<'
	@touch '$@'

# A bug may leave something unused behind: no warnings.
$(MUTANT_BUILD)/replication/%.o $(MUTANT_BUILD)/gateway/%.o: private CFLAGS += $(POSIX)
$(MUTANT_OBJECTS): $(MUTANT_BUILD)/%.o: $(MUTANT_BUILD)/planted $(BUILD)/flags
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CFLAGS) -w -c -o $@ '$(MUTANT_BUILD)/source/$*.c'

$(MUTANT_BUILD)/tests/%_test: $(BUILD)/objects/tests/%_test.o $(MUTANT_OBJECTS) $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(MUTANT_BUILD)/tests/sim/%_test: $(BUILD)/objects/tests/sim/%_test.o $(MUTANT_OBJECTS) $(BUILD)/libsim.a $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(MUTANT_BUILD)/tests/sim/sim: $(BUILD)/objects/tests/sim/sim_main.o $(MUTANT_OBJECTS) $(BUILD)/libsim.a $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TEST_LIBRARIES) $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm
-include $(MUTANT_OBJECTS:.o=.d)
endif

# Only clang has libFuzzer: make fuzz sets CC and SANITIZE.
$(BUILD)/tests/%_fuzz: $(BUILD)/objects/tests/%_fuzz.o $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

$(BUILD)/tests/hash/%: $(BUILD)/objects/tests/hash/%.o $(BUILD)/libmatching.a
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/bench/%_bench: $(BUILD)/objects/bench/%_bench.o $(BUILD)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) 'link $(@F)'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(TOOLS_LIBRARIES) $(GATEWAY_LIBRARIES) $(LIBRARIES) -lm

.PRECIOUS: $(BUILD)/objects/%.o $(BUILD)/%.members
-include $(shell find $(BUILD)/objects -name '*.d' 2>/dev/null)
