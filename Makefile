# Every task of mse-server. `make help` lists them.
#
# Variants are built side by side: release in build/, the others in build/<variant>/.

CC      ?= cc
ARCH    ?= $(shell uname -m)
PREFIX  ?= /usr/local
VERSION := $(shell sed -n 's/^\#define MSE_VERSION "\(.*\)"/\1/p' include/mse.h)
SOMAJOR := $(firstword $(subst ., ,$(VERSION)))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
HARDENING := -fstack-protector-strong -fPIC -Wl,-z,relro,-z,now -Wl,-z,noexecstack
BASE     := -std=c17 -g $(WARNINGS) -ffp-contract=off -D_GNU_SOURCE -pthread -Iinclude -Isrc -Iserver -MMD -MP
FLAGS.release := -O3 -D_FORTIFY_SOURCE=2 $(HARDENING) -fno-plt
FLAGS.debug   := -O0 $(HARDENING)
FLAGS.asan    := -O1 -fPIC -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS.tsan    := -O1 -fPIC -fsanitize=thread -fno-omit-frame-pointer

SRC    := $(wildcard src/*.c)
SERVER := $(wildcard server/*.c) $(wildcard server/*.S)
UNIT   := $(wildcard tests/unit/test_*.c)
HTTP   := $(wildcard tests/http/*.c)

SERVER_LIBS := -lmicrohttpd -lcjson -lm
UNIT_LIBS   := -lcmocka -lgmp -lcjson -lm
HTTP_LIBS   := -lcmocka -lcurl -lcjson -lgmp -lm

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
