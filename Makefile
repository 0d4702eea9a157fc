# postern: build, test, run, install. `make help` lists the targets.
#
#   make BUILD=build/asan SANITIZE=address,undefined    a build with sanitizers
#   make BUILD=build/clang CC=clang                     another compiler

VERSION = 0.1.0
BUILD ?= build
CC = gcc
SANITIZE ?=
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/postern
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
DESTDIR ?=

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# ---- flags

LIBRARIES = libbsd-overlay libevent_core libconfuse libcap-ng libidn2 jansson openssl
PKG_CONFIG ?= pkg-config
# Evaluated at the first compilation, so that `make needs` works before they are installed.
library_cflags = $(filter-out -I/usr/include/bsd -isystem,$(shell $(PKG_CONFIG) --cflags libevent_core libconfuse libcap-ng libidn2 jansson openssl))
library_libs = $(shell $(PKG_CONFIG) --libs libbsd libevent_core libconfuse libcap-ng libidn2 jansson openssl) -lcdb -lunistring

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wconversion -Wno-sign-conversion -Wvla -Wundef -Wpointer-arith \
	-Wwrite-strings -Werror
HARDENING = -fstack-protector-strong -fPIE
# --as-needed: a program gets no library that its code does not call; delivery has no OpenSSL.
HARDENING_LINK = -pie -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifeq ($(SANITIZE),)
HARDENING += -D_FORTIFY_SOURCE=2 -fstack-clash-protection
OPTIMISE ?= -O2 -g
else
OPTIMISE ?= -O1 -g -fno-omit-frame-pointer
SANITIZE_FLAGS = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DPOSTERN_SANITIZED
endif
CPPFLAGS += -D_GNU_SOURCE -I. -DPOSTERN_VERSION='"$(VERSION)"' \
	-DPOSTERN_LIBEXECDIR='"$(LIBEXECDIR)"' -DPOSTERN_SYSCONFDIR='"$(SYSCONFDIR)"'
ALL_CFLAGS = -std=c11 $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE_FLAGS) $(library_cflags) $(CFLAGS)
ALL_LDFLAGS = $(HARDENING_LINK) $(SANITIZE_FLAGS) $(LDFLAGS)

# ---- what is built: a folder is a program

PROGRAMS = posternd postern-worker postern-delivery postern
FOLDER_posternd = master
FOLDER_postern-worker = worker
FOLDER_postern-delivery = delivery
FOLDER_postern = control

smtp_sources := $(wildcard common/smtp/*.c)
common_sources := $(filter-out $(smtp_sources),$(wildcard common/*/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
without_main = $(filter-out %/main.c,$(wildcard $(1)/*.c))

LIBSMTP = $(BUILD)/lib/libsmtp.a
LIBCOMMON = $(BUILD)/lib/libcommon.a
LIBROOMS = $(foreach p,$(PROGRAMS),$(BUILD)/lib/lib$(FOLDER_$(p)).a)

all: $(PROGRAMS:%=$(BUILD)/bin/%)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBSMTP): $(call objects,$(smtp_sources))
$(LIBCOMMON): $(call objects,$(common_sources))
$(BUILD)/lib/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

define program
$(BUILD)/lib/lib$(FOLDER_$(1)).a: $(call objects,$(call without_main,$(FOLDER_$(1))))
$(BUILD)/bin/$(1): $(BUILD)/obj/$(FOLDER_$(1))/main.o $(BUILD)/lib/lib$(FOLDER_$(1)).a $(LIBCOMMON) $(LIBSMTP)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(library_libs)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# ---- unit tests: tests/unit/test_NAME.c is a libcheck program

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
unit_helpers := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
unit_libs = $(shell $(PKG_CONFIG) --libs check)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call objects,$(unit_helpers)) $(LIBROOMS) $(LIBCOMMON) $(LIBSMTP)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(library_libs) $(unit_libs)

unit: $(UNIT_TESTS:%=$(BUILD)/tests/%)
	@failed=0; for t in $^; do $$t || failed=1; done; exit $$failed

# ---- what the end-to-end tests need: a tracer that kills a process at a system call

TRACER = $(BUILD)/crash/stop_at

$(TRACER): $(call objects,$(wildcard tests/crash/*.c))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^

tracer: $(TRACER)

# ---- what lets the system calls of postern-delivery fail, for the tests

faults: $(BUILD)/faults/faults.so $(BUILD)/faults/launch

$(BUILD)/faults/%.so: tests/faults/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 -O2 -g $(WARNINGS) -fPIC -shared -o $@ $<

$(BUILD)/faults/%: tests/faults/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 -O2 -g $(WARNINGS) -o $@ $<

# ---- fuzzing: tests/fuzz/fuzz_NAME.c, its seeds in tests/fuzz/corpus/NAME

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_helpers := $(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c))
FUZZ_BUILD = BUILD=$(BUILD)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined
# The same once more to measure what they reach: a sanitizer would count its own lines.
COVERAGE_BUILD = BUILD=$(BUILD)/coverage CC=clang SANITIZE=fuzzer-no-link \
	CFLAGS='-fprofile-instr-generate -fcoverage-mapping' LDFLAGS=-fprofile-instr-generate
FUZZ_SECONDS ?= 600
PYTHON ?= $(or $(firstword $(wildcard /usr/bin/python3)),python3)

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(call objects,$(fuzz_helpers)) $(LIBROOMS) $(LIBCOMMON) $(LIBSMTP)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(library_libs)

fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)

fuzz: needs-test
	$(MAKE) $(FUZZ_BUILD) fuzzers
	$(PYTHON) tests/fuzz.py --bin $(BUILD)/fuzz/fuzz --seconds $(FUZZ_SECONDS)
	$(MAKE) $(COVERAGE_BUILD) fuzzers
	$(PYTHON) tests/coverage.py --bin $(BUILD)/coverage/fuzz --found $(BUILD)/fuzz/corpus

# ---- benchmarks: group commit on a disk whose flushes take as long as we say

BENCH_OPTIONS ?=

$(BUILD)/bench/load $(BUILD)/bench/launch: $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $<

$(BUILD)/bench/slow_flush.so: tests/bench/slow_flush.c tests/bench/slow_flush.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 -O2 $(WARNINGS) -fPIC -shared -o $@ $<

bench-programs: all $(BUILD)/bench/load $(BUILD)/bench/launch $(BUILD)/bench/slow_flush.so

bench: bench-programs
	$(PYTHON) -B tests/bench/group_commit.py --build this=$(BUILD)/bin --tools $(BUILD)/bench $(BENCH_OPTIONS)

# ---- everything that is tested; tests/all.py builds what it needs by targets of this file



test: needs-test
test-long: needs-long
test test-long:
	@POSTERN_BUILD=$(BUILD) $(PYTHON) -B tests/all.py $(if $(filter test-long,$@),--long)

lint: needs-test
	@POSTERN_BUILD=$(BUILD) $(PYTHON) -B tests/all.py lint

unit-programs: $(UNIT_TESTS:%=$(BUILD)/tests/%)
objects: $(call objects,$(wildcard common/*/*.c $(foreach p,$(PROGRAMS),$(FOLDER_$(p))/*.c)))

FORMATTED = $(wildcard common/*/*.[ch] $(foreach p,$(PROGRAMS),$(FOLDER_$(p))/*.[ch]) etc/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/faults/*.[ch] tests/crash/*.[ch] tests/bench/*.[ch])

format:
	clang-format-14 -i $(FORMATTED)

print-formatted:
	@echo $(FORMATTED)

needs-build needs-run needs-test needs-long:
	@etc/needs $(@:needs-%=%)

# ---- trying it out

run: needs-run
	@$(MAKE) --no-print-directory all
	@BIN=$(BUILD)/bin etc/try-out

# ---- manual pages: those that list options or events are made from the tables

MANUALS = $(notdir $(wildcard etc/man/*.[0-9])) $(notdir $(patsubst %.in,%,$(wildcard etc/man/*.in)))

manuals: $(MANUALS:%=$(BUILD)/man/%)

$(BUILD)/etc/manual: $(BUILD)/obj/etc/manual.o $(LIBCOMMON) $(LIBSMTP)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBCOMMON) $(LIBSMTP) $(library_libs)

$(BUILD)/man/%: etc/man/%
	@mkdir -p $(@D)
	cp $< $@

$(BUILD)/man/%: etc/man/%.in $(BUILD)/etc/manual
	@mkdir -p $(@D)
	$(BUILD)/etc/manual options >$@.options
	$(BUILD)/etc/manual events >$@.events
	$(BUILD)/etc/manual replies >$@.replies
	sed -e '/^@OPTIONS@$$/{r $@.options' -e 'd}' -e '/^@EVENTS@$$/{r $@.events' -e 'd}' \
		-e '/^@REPLIES@$$/{r $@.replies' -e 'd}' $< >$@
	@rm -f $@.options $@.events $@.replies

# ---- installing

INSTALL ?= install
SYSTEMD_DIR ?= /lib/systemd/system
SYSUSERS_DIR ?= /usr/lib/sysusers.d
TMPFILES_DIR ?= /usr/lib/tmpfiles.d

install: all manuals
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONFDIR)/postern
	$(INSTALL) -m 755 $(BUILD)/bin/posternd $(BUILD)/bin/postern $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 755 $(BUILD)/bin/postern-worker $(BUILD)/bin/postern-delivery $(DESTDIR)$(LIBEXECDIR)
	for page in $(MANUALS); do \
		section=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
		$(INSTALL) -d $$section && $(INSTALL) -m 644 $(BUILD)/man/$$page $$section || exit 1; \
	done
	for name in postern.conf; do \
		[ -e $(DESTDIR)$(SYSCONFDIR)/postern/$$name ] || \
		$(INSTALL) -m 644 etc/$$name $(DESTDIR)$(SYSCONFDIR)/postern/$$name || exit 1; \
	done
	$(INSTALL) -d $(DESTDIR)$(SYSTEMD_DIR) $(DESTDIR)$(SYSUSERS_DIR) $(DESTDIR)$(TMPFILES_DIR)
	for unit in etc/systemd/*; do \
		sed 's,/usr/local/sbin/,$(SBINDIR)/,g; s,/etc/postern/,$(SYSCONFDIR)/postern/,g' $$unit \
			>$(DESTDIR)$(SYSTEMD_DIR)/$${unit##*/} || exit 1; \
	done
	$(INSTALL) -m 644 etc/sysusers.d/postern.conf $(DESTDIR)$(SYSUSERS_DIR)/postern.conf
	$(INSTALL) -m 644 etc/tmpfiles.d/postern.conf $(DESTDIR)$(TMPFILES_DIR)/postern.conf

# The configuration and the mail stay.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/posternd $(DESTDIR)$(SBINDIR)/postern
	rm -f $(DESTDIR)$(LIBEXECDIR)/postern-worker $(DESTDIR)$(LIBEXECDIR)/postern-delivery
	-rmdir $(DESTDIR)$(LIBEXECDIR)
	for page in $(MANUALS); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	for unit in etc/systemd/*; do rm -f $(DESTDIR)$(SYSTEMD_DIR)/$${unit##*/}; done
	rm -f $(DESTDIR)$(SYSUSERS_DIR)/postern.conf $(DESTDIR)$(TMPFILES_DIR)/postern.conf

clean:
	rm -rf build

help:
	@echo 'make              builds the programs into $(BUILD)/bin'
	@echo 'make run          builds, and starts posternd on port 2525 with a throw-away configuration in run/'
	@echo 'make test         all tests: unit, end to end, with sanitizers, fuzz targets (short), lint'
	@echo 'make test-long    the same with bigger counts, longer'
	@echo 'make unit         the unit tests only'
	@echo 'make lint         format, static checks, folder rules, manual pages, other compilers'
	@echo 'make fuzz         each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS), then what they have reached'
	@echo 'make bench        messages a second for flushes of 0.1 to 20 ms (BENCHMARKS.md), about 12 minutes'
	@echo 'make format       clang-format over all sources'
	@echo 'make manuals      the manual pages, into $(BUILD)/man'
	@echo 'make install      PREFIX=$(PREFIX) DESTDIR=$(DESTDIR); make uninstall'
	@echo 'make clean        removes build/'

.PHONY: all unit unit-programs tracer objects faults fuzzers fuzz bench bench-programs test test-long lint format print-formatted \
	needs-build needs-run needs-test needs-long run manuals install uninstall clean help
.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
