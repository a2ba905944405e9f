# weft: plain GNU make; `make help` lists the targets.
#
# FLAVOUR is release (default), debug, asan, tsan or fuzz; each builds in a directory of its own, build/FLAVOUR. All but
# release define WEFT_TEST and WEFT_LOCK_CHECK. CC, CXX, CPPFLAGS, CFLAGS, CXXFLAGS, LDFLAGS, PREFIX and DESTDIR are the
# user's; WERROR=0 lets warnings pass; V=1 shows the commands.

FLAVOUR := release
BUILD := build
O := $(BUILD)/$(FLAVOUR)
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

VERSION := $(shell sed -n 's/^.define WEFT_VERSION "\(.*\)"/\1/p' include/weft/version.h)
SONAME := libweft.so.$(firstword $(subst ., ,$(VERSION)))

# A job for each processor, unless several goals are given: they run in that order.
ifeq ($(MAKELEVEL)$(word 2,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif
sub_make = +@$(MAKE) --no-print-directory
say = $(if $(V),,@printf '%8s  %s\n' '$1' '$@';)

# Flags ---------------------------------------------------------------------------------------------------------------

checked := -DWEFT_TEST -DWEFT_LOCK_CHECK -fno-omit-frame-pointer
undefined := -fsanitize=undefined -fno-sanitize-recover=all
flags_release := -fPIC
flags_debug := $(checked) -fPIC
flags_asan := $(checked) -fPIC -fsanitize=address $(undefined)
flags_tsan := $(checked) -fPIC -fsanitize=thread
flags_fuzz := $(checked) -fPIC -fsanitize=address,fuzzer-no-link $(undefined)
flavour_flags := $(or $(flags_$(FLAVOUR)),$(error FLAVOUR is release, debug, asan, tsan or fuzz))

CFLAGS ?= $(if $(filter release,$(FLAVOUR)),-O2,-O1) -g
CXXFLAGS ?= $(CFLAGS)
includes := -Iinclude -Isrc
warnings := -Wall -Wextra -Wshadow -Wconversion $(if $(filter 0,$(WERROR)),,-Werror)
common = $(warnings) $(flavour_flags) -fvisibility=hidden -pthread -MMD -MP $(includes) $(CPPFLAGS)
compile_c = $(CC) -std=c11 -D_GNU_SOURCE -Wstrict-prototypes -Wmissing-prototypes $(common) $(CFLAGS)
compile_cxx = $(CXX) -std=c++17 $(common) $(CXXFLAGS)
linker = $(if $(wildcard $(@:$O/%=%.cc)),$(CXX),$(CC))
libs := -lnng -lsodium -lpcre2-8
stage := # what stands before all else: of those that say so
link = $(linker) $(flavour_flags) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $(stage) $(filter-out $(stage),$^) $(libs)
# What else a program needs its sources say by their includes.
included_libs = $$(sed -n 's/^.include <\(uv\|jansson\|simdjson\)\.h>.*/-l\1/p' $1)
source = $(wildcard $(@:$O/%=%.c) $(@:$O/%=%.cc))

# What there is -------------------------------------------------------------------------------------------------------

programs = $(addprefix $O/,$(basename $(wildcard $1)))
objects = $(addsuffix .o,$(programs))

LIB := $O/libweft.a
LIB_OBJECTS := $(call objects,src/*/*.c) $O/gen/schemas.o
SHARED := $O/libweft.so.$(VERSION)
TEST_LIB := $O/libtest.a
UV_EXAMPLES := $(call programs,$(shell grep -l '<uv.h>' examples/*.c))
EXAMPLES := $(filter-out $(UV_EXAMPLES),$(call programs,examples/*.c examples/*.cc))
TOOLS := $O/weft $O/weftd
SIM := $(if $(wildcard tests/sim/*.c),$O/sim)
SIM_WIRE := $(if $(wildcard tests/wire/*.c),$O/sim-wire)
BENCH := $(if $(wildcard tests/bench/*.c),$O/bench)
BENCH_PEERS := $(if $(wildcard tests/bench/peers/*.c),$O/bench-peers)
FUZZERS := $(call programs,tests/fuzz/*.c)

# A test is a C or C++ program or a script; T chooses those whose path holds one of its words. Scripts compile against
# the library as a user would, so they run without sanitizers only.
sources := $(wildcard $(foreach d,unit spec prop fault e2e,tests/$d/*.c tests/$d/*.cc))
all_tests := $(addprefix $O/,$(basename $(sources)))
scripts := $(if $(filter debug,$(FLAVOUR)),$(wildcard tests/e2e/*.sh tests/docs/*.sh))
chosen := $(sort $(foreach t,$(or $(T),/),$(foreach s,$(sources) $(scripts),$(if $(findstring $t,$s),$s))))
TESTS := $(addprefix $O/,$(basename $(filter-out %.sh,$(chosen)))) $(filter %.sh,$(chosen))
# Those of the public interface run a second time, on client nodes.
DIALLED := $(addsuffix @dialled,$(filter $O/tests/e2e/api_%,$(TESTS)))

.PHONY: all programs setup demo test check check-asan check-tsan check-mem sim bench bench-peers fuzz run-fuzz mutants install \
	uninstall dist format format-check tidy clean help FORCE
.DELETE_ON_ERROR:

all: $(LIB) $(SHARED) $(EXAMPLES) $(TOOLS) ## the libraries, examples and tools (default)
programs: all $(if $(filter release,$(FLAVOUR)),$(SIM) $(SIM_WIRE) $(BENCH) $(BENCH_PEERS),$(all_tests)) ## all, sim and benches; not in release: all, and the tests

# Compiling -----------------------------------------------------------------------------------------------------------

# Installs what is missing where it can. NEEDS are what tools/setup.sh knows: commands, headers, data.
NEEDS := $(CC) nng/nng.h sodium.h pcre2.h
all programs check sim bench bench-peers: NEEDS += $(CXX)
programs check sim bench run-fuzz: NEEDS += cmocka.h jansson.h pkg-config $(firstword $(WRAP))
programs check bench: NEEDS += simdjson.h
programs bench-peers: NEEDS += zmq.h amqp.h
check: NEEDS += openssl $(if $(filter %.sh,$(TESTS)),uv.h groff) python3-jsonschema /usr/share/json-schema-test-suite
setup:
	@CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' tools/setup.sh $(NEEDS)

# Changes when the flags do, and everything is compiled anew.
all_flags = $(compile_c) $(compile_cxx) $(LDFLAGS)
$O/flags: includes := $(includes)
$O/flags: FORCE
	@mkdir -p $O; echo '$(all_flags)' | cmp -s - $@ || echo '$(all_flags)' >$@

$O/%.o: %.c $O/flags | setup
	@mkdir -p $(@D)
	$(call say,compile)$(compile_c) -c -o $@ $<

$O/%.o: %.cc $O/flags | setup
	@mkdir -p $(@D)
	$(call say,compile)$(compile_cxx) -c -o $@ $<

# schemas/ as a table of the library's.
$O/gen/schemas.c: tools/embed.sh $(wildcard schemas/*.schema.json)
	@mkdir -p $(@D)
	$(call say,embed)$^ >$@

$O/gen/%.o: $O/gen/%.c $O/flags | setup
	$(call say,compile)$(compile_c) -c -o $@ $<

$O/examples/%.o $O/tools/%.o: includes := -Iinclude
$O/tests/%.o: includes += -Itests

$(LIB): $(LIB_OBJECTS)
$(TEST_LIB): $(call objects,tests/lib/*.c) $(filter-out %/sim.o,$(call objects,tests/sim/*.c))
$(LIB) $(TEST_LIB):
	@rm -f $@
	$(call say,archive)$(AR) rcs $@ $^

# Never unloaded: the C library calls its destructors when threads end.
$(SHARED): $(LIB_OBJECTS)
	$(call say,link)$(link) -shared -Wl,-soname,$(SONAME),-z,nodelete
	@ln -sf $(@F) $O/$(SONAME); ln -sf $(SONAME) $O/libweft.so

$(all_tests): %: %.o $(TEST_LIB) $(LIB)
	$(call say,link)$(link) -lcmocka $(call included_libs,$(source)) -ljansson

$O/sim: $(call objects,tests/sim/*.c) $(TEST_LIB) $(LIB)
	$(call say,link)$(link) -lcmocka

# What takes the place of the library's clock, locks, threads and sockets stands before it.
wire := $(filter-out %/main.o,$(call objects,tests/wire/*.c))
$O/sim-wire $O/tests/prop/wire_short: stage = $(wire) -Wl,--wrap=weft__line_new
$O/tests/prop/wire_short: $(wire)
$O/sim-wire: $O/tests/wire/main.o $(wire) $(TEST_LIB) $(LIB)
	$(call say,link)$(link) -lcmocka

$O/bench: linker = $(CXX)
$O/bench: $(call objects,tests/bench/*.c tests/bench/*.cc) $(TEST_LIB) $(LIB)
	$(call say,link)$(link) -lcmocka $(call included_libs,$(wildcard tests/bench/*.c tests/bench/*.cc))

$O/bench-peers: $(call objects,tests/bench/peers/*.c) $(LIB)
	$(call say,link)$(link) -lzmq -lrabbitmq

$(FUZZERS): %: %.o $(TEST_LIB) $(LIB)
	$(call say,link)$(link) -lcmocka -fsanitize=fuzzer

$O/weft: $(filter-out %/weftd.o %/weftd_channel.o,$(call objects,tools/*.c)) $(LIB)
$O/weftd: $(addprefix $O/tools/,weftd.o weftd_channel.o verb.o option.o place.o input.o text.o) $(LIB)
$(TOOLS):
	$(call say,link)$(link)

$(EXAMPLES) $(UV_EXAMPLES): %: %.o $(LIB)
	$(call say,link)$(link) $(call included_libs,$(source))

-include $(wildcard $O/*/*.d $O/*/*/*.d $O/*/*/*/*.d)

# Running -------------------------------------------------------------------------------------------------------------

demo: $O/examples/headers $O/examples/relay $(TOOLS) ## across processes, examples/fabric.sh, and in one, examples/headers.c
	@examples/fabric.sh $O
	@echo; echo 'And in one process:'; echo
	@$<

test: ## runs every test; T=word: those whose path holds the word
	$(sub_make) FLAVOUR=debug check

check-asan: ## the tests under the address and undefined sanitizers
	$(sub_make) FLAVOUR=asan check

# The thread sanitizer of older compilers cannot start where the kernel randomises more than 28 bits of addresses.
# Those of the core alone have one thread.
check-tsan: ## the tests that have threads under the thread sanitizer, REPEAT (3) times each
	$(sub_make) FLAVOUR=tsan T='$(or $(T),/unit/ /e2e/ /fault/api)' REPEAT=$(or $(REPEAT),3) WRAP="$$(setarch -R true 2>/dev/null && echo setarch -R)" check

check-mem: ## the fault tests under valgrind
	$(sub_make) FLAVOUR=debug T='$(or $(T),tests/fault/)' TIMEOUT=$(or $(TIMEOUT),600) \
		WRAP='valgrind -q --error-exitcode=99 --leak-check=full' check

check: $(LIB) $(if $(filter %.sh,$(TESTS)),all $(UV_EXAMPLES) $(SIM)) $(filter-out %.sh,$(TESTS))
	$(if $(strip $(TESTS)),,$(error no test found$(if $(T), whose path holds $(T))))
	@WEFT_TOP='$(CURDIR)' WEFT_BUILD='$(abspath $O)' CC='$(CC)' CXX='$(CXX)' \
		REPEAT='$(REPEAT)' TIMEOUT='$(TIMEOUT)' WRAP='$(WRAP)' STRESS_S='$(STRESS_S)' SOAK_S='$(SOAK_S)' tests/run.sh $(TESTS) $(DIALLED)

sim: $O/sim $O/sim-wire ## the simulators; SEED=n EVENTS=n, or SIM_S=seconds; of nodes and clients: ARGS (ARGS=--help)
	$< $(if $(SEED),--seed $(SEED)) $(if $(EVENTS),--events $(EVENTS)) $(if $(SIM_S),--seconds $(SIM_S))
	$O/sim-wire $(if $(SEED),--seed $(SEED)) $(if $(SIM_S),--seconds $(SIM_S)) $(ARGS)

bench: $O/bench $(SIM) ## prints the benchmark's table
	@tests/bench/ajv/install.sh $O/ajv
	@WEFT_BENCH_AJV='$(abspath $O/ajv)' $<

# Those that cannot be installed here are named, and the race goes on without them.
PEERS = gearmand redis-server nats-server beanstalkd mosquitto $(if $(findstring rabbitmq,$(ARGS)),rabbitmq-server)
bench-peers: $(BENCH_PEERS) ## weft beside its peers; ARGS='--quick', or rows and peers (ARGS=--help)
	@tools/setup.sh $(PEERS) || for peer in $(PEERS); do tools/setup.sh $$peer || true; done
	@$< $(ARGS)

FUZZ_S ?= 60
fuzz: ## clang's fuzzer, FUZZ_S (60) seconds for each harness in tests/fuzz
	$(if $(FUZZERS),$(sub_make) FLAVOUR=fuzz CC=clang CXX=clang++ run-fuzz,@echo 'fuzz: there is no harness in tests/fuzz yet')

run-fuzz: $(FUZZERS)
	@set -e; for fuzzer in $^; do echo "$$fuzzer"; mkdir -p $$fuzzer.corpus; \
		$$fuzzer -max_total_time=$(FUZZ_S) -artifact_prefix=$$fuzzer. $$fuzzer.corpus; done

mutants: ## breaks the library on purpose and expects the tests to notice
	@env -u MAKEFLAGS -u MAKELEVEL tests/mutants/run.sh

# Installing ----------------------------------------------------------------------------------------------------------

install: $(LIB) $(SHARED) $(TOOLS) ## into DESTDIR and PREFIX (/usr/local)
	install -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCLUDEDIR)/weft)
	install -m 644 include/weft/*.h $(DESTDIR)$(INCLUDEDIR)/weft
	install -m 644 $(LIB) $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libweft.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' src/weft.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/weft.pc
	install -d $(DESTDIR)$(BINDIR)
	install -m 755 $(TOOLS) $(DESTDIR)$(BINDIR)
	install -d $(DESTDIR)$(PREFIX)/share/weft/schemas
	install -m 644 schemas/*.schema.json $(DESTDIR)$(PREFIX)/share/weft/schemas
	tools/man.sh $O/man $(TOOLS)
	install -d $(addprefix $(DESTDIR)$(MANDIR)/,man1 man3 man7 man8)
	install -m 644 $O/man/man1/* $(DESTDIR)$(MANDIR)/man1
	install -m 644 $O/man/man3/* $(DESTDIR)$(MANDIR)/man3
	install -m 644 $O/man/man7/* $(DESTDIR)$(MANDIR)/man7
	install -m 644 $O/man/man8/* $(DESTDIR)$(MANDIR)/man8

uninstall: ## removes what install put there
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libweft.a libweft.so $(SONAME) $(notdir $(SHARED)) pkgconfig/weft.pc)
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(patsubst include/%,%,$(wildcard include/weft/*.h)))
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(notdir $(TOOLS))) $(addprefix $(DESTDIR)$(MANDIR)/,man1/weft.1 man8/weftd.8)
	tools/man.sh $O/man
	cd $O/man && rm -f $$(printf '$(DESTDIR)$(MANDIR)/%s ' man3/* man7/*)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/weft/,$(wildcard schemas/*.schema.json))
	-rmdir $(DESTDIR)$(INCLUDEDIR)/weft $(DESTDIR)$(PREFIX)/share/weft/schemas $(DESTDIR)$(PREFIX)/share/weft

dist: ## a tarball of the last commit
	@mkdir -p $(BUILD)
	git archive --prefix=weft-$(VERSION)/ -o $(BUILD)/weft-$(VERSION).tar.gz HEAD

# Looking after the source --------------------------------------------------------------------------------------------

ours := $(wildcard include/weft/*.h src/*/*.[ch] tests/*/*.[ch] tests/bench/peers/*.[ch] tests/*/*.cc examples/*.[ch] examples/*.cc tools/*.[ch])

format format-check: NEEDS := clang-format
format: setup ## clang-format on our files
	clang-format -i $(ours)

format-check: setup ## fails where format would change something
	clang-format --dry-run -Werror $(ours)

tidy: NEEDS += clang-tidy cmocka.h jansson.h nng/nng.h zmq.h amqp.h
tidy: setup ## clang-tidy, with warnings as errors
	printf '%s\n' $(filter %.c,$(ours)) | xargs -P 2 -I {} clang-tidy --quiet {} -- -std=c11 -D_GNU_SOURCE $(includes) -Itests

clean: ## removes what was built
	rm -rf $(BUILD)

help: ## prints this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/    \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
