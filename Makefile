# Every task of mse-server; `make help` lists them. Variants are built side by side: release in build/, the others in
# build/<variant>/.

CC       ?= cc
OBJCOPY  ?= objcopy
ARCH     ?= $(shell uname -m)
PREFIX   ?= /usr/local
VERSION  := $(shell sed -n 's/^.define MSE_VERSION "\(.*\)"/\1/p' include/mse.h)
SONAME   := libmse.so.$(firstword $(subst ., ,$(VERSION)))
# What is built is named; V=1 shows the whole command.
SHOW     = $(if $(V),,@echo '  $@'; )
VARIANTS := release debug asan tsan fuzz gcc clang

WARNINGS  := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
HARDENING := -fstack-protector-strong -fstack-clash-protection
BASE      := -std=c17 -g $(WARNINGS) -ffp-contract=off -fPIC -pthread -D_GNU_SOURCE -Iinclude -Isrc -Iserver -Itests -MMD -MP
LINK      := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

flags.release := -O3 -D_FORTIFY_SOURCE=2 $(HARDENING)
flags.debug   := -O0 $(HARDENING)
flags.asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
flags.tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
cc.fuzz       := clang
flags.fuzz    := -O2 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# A slice has a vector and one more element, some jobs have several, and some are not tried the quick way.
flags.fuzz    += -DJOB_SLICE=9 -DJOB_TRIED_MAX=40 -DJOB_STRETCH=0
# Short bodies take many calls to decode and to encode.
flags.fuzz    += -DCODING_DECODED_PIECE=64 -DCODING_DECODED_STEP=256 -DCODING_RECEIVED_STEP=16 \
    -DCODING_ENCODED_PIECE=256 -DCODING_ENCODED_STEP=1024

# What `make lint` compiles, whatever CC is: nothing may be warned of, and gcc's analyzer has its say.
STRICT      := -Werror -Wmissing-prototypes -Wundef -Wvla -Wwrite-strings
cc.gcc      := gcc
flags.gcc   := $(flags.release) $(STRICT)
# gcc 12's analyzer takes arrays that a loop fills for uninitialized.
build/obj/gcc/src/%.o build/obj/gcc/server/%.o: \
    flags.gcc += -Wformat=2 -fanalyzer -Wno-analyzer-use-of-uninitialized-value
cc.clang    := clang
flags.clang := $(flags.release) $(STRICT) -Wunreachable-code -Wconditional-uninitialized

# kernel.c is compiled once for each instruction set, with KERNEL_ISA as its name and these flags.
kernels.x86_64  := baseline avx2 avx512
kernels.aarch64 := baseline
kernel.avx2     := -mavx2 -mfma
kernel.avx512   := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512
KERNELS         := $(or $(kernels.$(ARCH)),baseline)

# src/decimal/*_avx2.c and *_wide.c use these where there are such, and are empty elsewhere; cpu.c asks the CPU for the
# same. Without slp-vectorize, gcc would collect words in vectors only to store them.
avx2.x86_64 := -mavx2 -mfma -mbmi -mbmi2 -fno-tree-slp-vectorize
wide.x86_64 := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx512cd -mavx512vbmi -mavx512vbmi2 -mbmi -mbmi2

SERVER_LIBS := -lmicrohttpd -lgnutls -lcjson -lz -lm
TEST_LIBS   := -lcmocka -lcurl -lgnutls -lcjson -lz -lgmp -lm

LIBRARY_UNITS := $(filter-out src/mse/kernel,$(basename $(wildcard src/*.c src/*/*.c))) $(addprefix src/mse/kernel_,$(KERNELS))
SERVER_UNITS  := $(filter-out server/main,$(basename $(wildcard server/*.[cS] server/*/*.[cS])))
UNIT_TESTS    := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
HTTP_TESTS    := $(basename $(notdir $(wildcard tests/http/test_*.c)))
TEST_SUPPORT  := $(basename $(wildcard tests/support/*.c))
PYTHON_TESTS  := $(wildcard tests/http/test_*.py)

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# $(call variant_rules,name,output directory): all that is built of one variant.
define variant_rules
$1 := build/obj/$1
$1.library := $(LIBRARY_UNITS:%=build/obj/$1/%.o)
$1.server  := $(SERVER_UNITS:%=build/obj/$1/%.o)
$1.unit    := $(addprefix $2/tests/unit/,$(UNIT_TESTS))
$1.http    := $(addprefix $2/tests/http/,$(HTTP_TESTS))
$1.objects := $$($1.library) $$($1.server) build/obj/$1/server/main.o \
    $$(patsubst %.c,build/obj/$1/%.o,$(wildcard tests/*/*.c fuzz/*.c))

build/obj/$1/%.o: %.c | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $$(@D)
	$$(SHOW)$$(or $$(cc.$1),$$(CC)) $$(BASE) $$(flags.$1) $$(CPPFLAGS) $$(CFLAGS) -c -o $$@ $$<

build/obj/$1/%.o: %.S openapi.yaml $(wildcard server/page/*.html server/page/*.css server/page/*.js) | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $$(@D)
	$$(SHOW)$$(CC) -c -o $$@ $$<

build/obj/$1/src/mse/kernel_%.o: src/mse/kernel.c | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $$(@D)
	$$(SHOW)$$(or $$(cc.$1),$$(CC)) $$(BASE) $$(flags.$1) $$(kernel.$$*) -DKERNEL_ISA=$$* $$(CPPFLAGS) $$(CFLAGS) -c -o $$@ $$<

build/obj/$1/src/decimal/%_avx2.o: src/decimal/%_avx2.c | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $$(@D)
	$$(SHOW)$$(or $$(cc.$1),$$(CC)) $$(BASE) $$(flags.$1) $$(avx2.$(ARCH)) $$(CPPFLAGS) $$(CFLAGS) -c -o $$@ $$<

build/obj/$1/src/decimal/%_wide.o: src/decimal/%_wide.c | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $$(@D)
	$$(SHOW)$$(or $$(cc.$1),$$(CC)) $$(BASE) $$(flags.$1) $$(wide.$(ARCH)) $$(CPPFLAGS) $$(CFLAGS) -c -o $$@ $$<

# All of src/, for the server and the tests, which also use what libmse does not publish.
$2/src.a: $$($1.library)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(SHOW)$$(AR) rcs $$@ $$^

# libmse is one object, in which no name is global but those of mse.h: a program may define all others.
build/obj/$1/libmse.o: $$(filter-out build/obj/$1/src/decimal/%,$$($1.library))
	$$(SHOW)$$(CC) -r -nostdlib -o $$@ $$^ && $$(OBJCOPY) --wildcard --keep-global-symbol='mse_[a-z]*' $$@

$2/libmse.a: build/obj/$1/libmse.o
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(SHOW)$$(AR) rcs $$@ $$^

$2/libmse.so: build/obj/$1/libmse.o
	$$(SHOW)$$(CC) $$(flags.$1) -shared -Wl,-soname,$(SONAME),--exclude-libs,ALL,-z,relro,-z,now $$(LDFLAGS) -o $$@ $$^ -lm

$2/mse-server: build/obj/$1/server/main.o $$($1.server) $2/src.a
	$$(SHOW)$$(CC) $$(flags.$1) $$(LINK) $$(LDFLAGS) -o $$@ $$^ $$(SERVER_LIBS)

# What tests share; a program takes from it what it calls.
$2/tests/support.a: $(TEST_SUPPORT:%=build/obj/$1/%.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(SHOW)$$(AR) rcs $$@ $$^

$$($1.unit): $2/tests/unit/%: build/obj/$1/tests/unit/%.o $2/tests/support.a $$($1.server) $2/src.a
	@mkdir -p $$(@D)
	$$(SHOW)$$(CC) $$(flags.$1) $$(LINK) $$(LDFLAGS) -o $$@ $$^ $$(SERVER_LIBS) $$(TEST_LIBS)

$$($1.http): $2/tests/http/%: build/obj/$1/tests/http/%.o $2/tests/support.a $2/src.a
	@mkdir -p $$(@D)
	$$(SHOW)$$(CC) $$(flags.$1) $$(LINK) $$(LDFLAGS) -o $$@ $$^ $$(TEST_LIBS)

# It fails the allocations of the server's own code.
$2/tests/unit/test_short_memory: LDFLAGS += -Wl,--wrap=malloc,--wrap=realloc,--wrap=free

-include $$(wildcard $$(addprefix build/obj/$1/,*/*.d */*/*.d))
endef

$(eval $(call variant_rules,release,build))
$(foreach v,$(filter-out release,$(VARIANTS)),$(eval $(call variant_rules,$v,build/$v)))

# ---- building and running

.PHONY: all deps run debug test test-unit test-http test-faults test-install test-sanitize test-asan test-tsan test-exhaustive test-container \
    soak test-capacity test-rolling test-metrics test-clients test-compression test-safetensors test-oip test-deploy \
    test-systemd test-page page-picture \
    test-cross test-cross-arm64 test-cross-s390x \
    fuzz lint lint-openapi bench bench-quick bench-deps image install uninstall clean help

all: build/mse-server build/libmse.a build/libmse.so ## build the server and the library (the default)

debug: build/debug/mse-server ## build the server without optimisation

deps: ## install the Debian packages that are missing: to build in `make deps run`, else to test, too
	@tools/deps $(if $(filter run,$(MAKECMDGOALS)),build,test)

run: build/mse-server ## build, and serve on 127.0.0.1:8080
	build/mse-server $(ARGS)

# ---- testing

# One run of all, so that its last line sums them up.
test: all $(release.unit) $(release.http) build/tests/system/faults.so build/tests/system/test_faults ## run every test that needs no container engine
	@CC="$(CC)" MSE_SERVER=build/mse-server MSE_FAULTS=build/tests/system/faults.so tests/run $(release.unit) \
	    $(release.http) $(PYTHON_TESTS) build/tests/system/test_faults tests/system/install.sh

test-unit: $(release.unit) ## run the unit tests
	tests/run $(release.unit)

test-http: build/mse-server $(release.http) ## run the HTTP tests against the server
	MSE_SERVER=build/mse-server tests/run $(release.http) $(PYTHON_TESTS)

# Faults are for the release build: a sanitizer's allocator would be in the way.
build/tests/system/faults.so: tests/system/faults.c | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $(@D)
	$(SHOW)$(CC) -std=c17 -g -O2 $(WARNINGS) -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

build/tests/system/test_faults: build/obj/release/tests/system/test_faults.o build/tests/support.a
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(flags.release) $(LINK) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

test-faults: build/mse-server build/tests/system/faults.so build/tests/system/test_faults ## let memory, descriptors and sockets fail
	MSE_SERVER=build/mse-server MSE_FAULTS=build/tests/system/faults.so tests/run build/tests/system/test_faults

SOAK_SECONDS := 60

soak: build/mse-server ## mixed load for SOAK_SECONDS=60, every answer checked; then nothing may be held that was not before
	MSE_SERVER=$< tests/system/soak.py $(SOAK_SECONDS)

test-rolling: build/mse-server ## restart servers under load, behind HAProxy and without (needs tools/deps rolling)
	MSE_SERVER=$< tests/system/rolling.py

test-capacity: build/mse-server ## what idle connections and large requests cost others (needs tools/deps capacity)
	MSE_SERVER=$< tests/system/capacity.py

test-metrics: build/mse-server ## let promtool judge /metrics, and compare it with what was sent (needs tools/deps metrics)
	MSE_SERVER=$< tests/system/metrics.py

test-clients: build/mse-server ## generate clients from the contract, in four languages, and call the server (needs npx and tools/deps clients)
	MSE_SERVER=$< tests/system/clients/clients.py

# Of its own, so that what it brings does not meet what other tests want.
build/compression/installed:
	/usr/bin/python3 -m venv build/compression
	build/compression/bin/pip install --quiet aiohttp==3.14.5 httpx==0.28.1 requests==2.34.2 urllib3==2.8.0
	touch $@

test-compression: build/mse-server build/compression/installed ## compress and decompress by curl, urllib3, requests, aiohttp and httpx (needs tools/deps compression)
	MSE_SERVER=$< build/compression/bin/python -B tests/system/compression.py

# KServe's client brings most of a hundred packages.
build/oip/installed: | $(filter deps,$(MAKECMDGOALS))
	/usr/bin/python3 -m venv build/oip
	build/oip/bin/pip install --quiet --only-binary :all: 'tritonclient[http]==2.73.0' kserve==0.21.0 numpy==2.4.6 \
	    aiohttp==3.14.5 gevent==26.9.0 geventhttpclient==2.6.1 httpx==0.28.1 ml-dtypes==0.5.4
	touch $@

test-oip: build/mse-server build/oip/installed ## let the clients of Triton and KServe call the server (needs tools/deps oip)
	MSE_SERVER=$< build/oip/bin/python -B tests/system/oip.py

build/safetensors/bin/python:
	/usr/bin/python3 -m venv build/safetensors
	build/safetensors/bin/pip install --quiet safetensors==0.8.0 numpy==2.4.6

test-safetensors: build/mse-server build/safetensors/bin/python ## let the safetensors package write requests and read responses (needs tools/deps safetensors)
	MSE_SERVER=$< build/safetensors/bin/python -B tests/system/safetensors_client.py

test-install: all ## install to a temporary folder, use what is there, and uninstall it
	CC="$(CC)" tests/system/install.sh

build/python/bin/kubernetes-validate:
	/usr/bin/python3 -m venv build/python
	build/python/bin/pip install --quiet kubernetes-validate==1.37.0

test-deploy: all build/python/bin/kubernetes-validate ## judge the files of deploy/, and compare them with the program (needs npx and tools/deps deploy)
	@$(MAKE) --no-print-directory install PREFIX=$(CURDIR)/build/installed >/dev/null
	MSE_SERVER=build/mse-server MSE_INSTALLED=build/installed build/python/bin/python -B tests/system/deploy.py

test-systemd: all ## boot systemd, and run the installed unit under it (as root; needs tools/deps systemd)
	tests/system/systemd.sh

build/node/node_modules: tests/system/package.json
	@mkdir -p $(@D) && cp $< $(@D)
	$(SHOW)npm install --silent --no-audit --no-fund --no-package-lock --prefix $(@D)
	@touch $@

test-page: build/mse-server build/node/node_modules ## use the page in Chromium as a person does (needs tools/deps page)
	MSE_SERVER=$< node tests/system/page.mjs

page-picture: build/mse-server build/node/node_modules ## write docs/page.png, the README's picture (needs tools/deps page)
	MSE_SERVER=$< node tools/page_picture.mjs

# Sanitizers of gcc 12 and clang 14 fail at random where the kernel randomizes more than 28 bits of an address
# (vm.mmap_rnd_bits).
fixed_addresses = $(shell setarch -R true 2>/dev/null && echo setarch -R)

test-sanitize: test-asan test-tsan ## run all tests under ASan+UBSan, and under TSan

test-asan test-tsan: test-%: build/%/mse-server
	MSE_SERVER=$< $(fixed_addresses) tests/run $($*.unit) $($*.http) $(PYTHON_TESTS)

test-asan: $(asan.unit) $(asan.http)
test-tsan: $(tsan.unit) $(tsan.http)

COUNT := 100000000

test-exhaustive: build/tests/unit/exhaustive_decimal ## read and print COUNT=100000000 random numbers, in some minutes
	$< $(COUNT)

build/tests/unit/exhaustive_%: build/obj/release/tests/unit/exhaustive_%.o build/tests/support.a build/src.a
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(flags.release) $(LINK) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS) $(TEST_LIBS)

# Numbers in and out, and bodies in pieces.
cross_tests := $(addprefix build/tests/http/test_,exact invalid malformed mse stream)

test-cross: test-cross-arm64 test-cross-s390x ## build for ARM and for s390x, and test under QEMU (needs tools/deps cross)

test-cross-arm64 test-cross-s390x: test-cross-%: $(cross_tests)
	+tests/system/cross.sh $* $(cross_tests)

# The HTTP tests that start no server of their own.
container_tests = $(patsubst %.c,build/%,$(shell grep -LE 'service_(start|run)' tests/http/test_*.c))

test-container: $(release.http) ## build the image, run it, and run the HTTP tests against it (needs Docker)
	tests/system/container.sh $(container_tests) $(PYTHON_TESTS)

# A target is linked with the rest of fuzz/, what tests share, and all of the server but main.
fuzz_targets := $(patsubst %.c,build/%,$(wildcard fuzz/fuzz_*.c))
fuzz_support := $(patsubst %.c,build/obj/fuzz/%.o,$(filter-out fuzz/fuzz_%,$(wildcard fuzz/*.c)))

$(fuzz_targets): build/fuzz/%: build/obj/fuzz/fuzz/%.o $(fuzz_support) build/fuzz/tests/support.a $(fuzz.server) \
    build/fuzz/src.a
	@mkdir -p $(@D)
	$(SHOW)clang $(flags.fuzz) -fsanitize=fuzzer $(LINK) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS) -lgmp

# Coverage is wanted of what is tried, not of its references; and where long integers are added up, that of every
# comparison would take most of the time and teach nothing.
$(fuzz_support) $(TEST_SUPPORT:%=build/obj/fuzz/%.o): flags.fuzz += -fno-sanitize=fuzzer-no-link
build/obj/fuzz/src/mse/exact.o: flags.fuzz += -fno-sanitize-coverage=trace-cmp

FUZZ_SECONDS := 60

fuzz: $(fuzz_targets) ## run each fuzz target for FUZZ_SECONDS=60 (needs clang)
	$(fixed_addresses) fuzz/run $(FUZZ_SECONDS) $(fuzz_targets)

lint: $(gcc.objects) $(clang.objects) ## compile strictly with gcc and clang, and run tools/lint
	CFLAGS="$(filter-out -M%,$(BASE))" WIDE="$(wide.$(ARCH))" AVX2="$(avx2.$(ARCH))" tools/lint $(gcc.library) $(gcc.server) build/obj/gcc/server/main.o

lint-openapi: ## lint openapi.yaml (needs npx)
	tools/lint-openapi

# ---- benchmarks

bench_programs := $(addprefix build/bench/,transport obvious client \
    $(notdir $(basename $(wildcard bench/numerics.c bench/json_reader.c bench/decimal.cpp))))

$(filter-out %/decimal,$(bench_programs)): build/bench/%: build/obj/release/bench/%.o $(release.server) build/src.a
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(flags.release) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(SERVER_LIBS)

build/bench/transport build/bench/obvious: build/obj/release/bench/peer.o
build/bench/numerics: build/obj/release/bench/plain.o build/tests/support.a
build/obj/release/bench/plain.o: flags.release := -O3 -march=native

build/bench/decimal: bench/decimal.cpp build/src.a
	@mkdir -p $(@D)
	$(SHOW)$(CXX) -std=c++17 -O3 -march=native $(addprefix -isystem ,$(wildcard /usr/include/dragonbox-*)) -Isrc -o $@ $^ \
	    -ldragonbox_to_chars

bench: ## measure beside the peers, in some 8 minutes; writes docs/speed.svg
bench-quick: ## the same in under two minutes, with more noise and no picture
bench bench-quick: bench-deps
	@$(MAKE) --no-print-directory build/mse-server $(bench_programs)
	@/usr/bin/python3 bench/run.py $(if $(filter bench-quick,$@),--quick)

bench-deps: ## install the Debian packages of the peers that are missing
	@tools/deps bench

# ---- shipping

INTO := $(DESTDIR)$(PREFIX)

image: ## build the container image mse-server
	docker build -t mse-server -t mse-server:$(VERSION) .

install: all ## install the server and the library: PREFIX=/usr/local DESTDIR=
	install -d $(addprefix $(INTO)/,bin include lib/pkgconfig lib/systemd/system lib/sysusers.d share/man/man1 share/man/man3)
	install -m 755 build/mse-server $(INTO)/bin
	install -m 644 include/mse.h $(INTO)/include
	install -m 644 build/libmse.a $(INTO)/lib
	install -m 644 build/libmse.so $(INTO)/lib/$(SONAME)
	ln -sf $(SONAME) $(INTO)/lib/libmse.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' src/mse.pc.in >$(INTO)/lib/pkgconfig/mse.pc
	sed 's|/usr/local/bin|$(PREFIX)/bin|' deploy/mse-server.service >$(INTO)/lib/systemd/system/mse-server.service
	install -m 644 deploy/mse-server.sysusers $(INTO)/lib/sysusers.d/mse-server.conf
	install -m 644 docs/mse-server.1 $(INTO)/share/man/man1
	install -m 644 docs/mse.3 $(INTO)/share/man/man3

uninstall: ## remove what install has put there
	rm -f $(addprefix $(INTO)/,bin/mse-server include/mse.h share/man/man1/mse-server.1 share/man/man3/mse.3 \
	    $(addprefix lib/,libmse.a libmse.so $(SONAME) pkgconfig/mse.pc) \
	    $(addprefix lib/,systemd/system/mse-server.service sysusers.d/mse-server.conf))

clean: ## remove build/
	rm -rf build

help: ## list these tasks
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20
