# SPDX-License-Identifier: MIT
# The commands of the project in one place. The build itself is CMake's; every
# target but clean and install brings what it needs.
ROOT ?= /usr/lib
PREFIX ?= /usr/local

.PHONY: run rivals mixed test test-all sanitize format tidy install clean help

help:
	@echo 'make run [ROOT=/usr/lib]    ten seconds of the main job on real files'
	@echo 'make rivals [ARGS="--pairs 3"]  weft beside Go, Tokio, oneTBB, libuv, GLib, asyncio'
	@echo 'make mixed [ARGS="--runs 1"]    light requests beside heavy ones, weft and other servers'
	@echo 'make test                   all tests and checks, both I/O engines'
	@echo 'make sanitize               tests under ASan+UBSan and TSan'
	@echo 'make test-all               tests with every compiler and sanitizer'
	@echo 'make format | tidy          clang-format in place | clang-tidy'
	@echo 'make install [PREFIX=/usr/local]'
	@echo 'make clean'

run:
	@scripts/install-deps.sh run
	@ROOT='$(ROOT)' scripts/run.sh

rivals:
	@scripts/install-deps.sh rivals
	@scripts/rivals.sh rivals $(ARGS)

mixed:
	@scripts/install-deps.sh rivals
	@scripts/rivals.sh mixed $(ARGS)

test:
	@scripts/install-deps.sh test
	@tests/checks/sizes.sh || true
	@scripts/test.sh dev

sanitize:
	@scripts/install-deps.sh test
	@scripts/test.sh asan tsan

test-all:
	@scripts/install-deps.sh test
	@scripts/test.sh dev clang asan asan-clang tsan-gcc tsan

format:
	@scripts/install-deps.sh test
	@scripts/sources.sh | xargs clang-format -i

tidy:
	@scripts/install-deps.sh test
	@scripts/tidy.sh

install:
	@scripts/install-deps.sh run
	cmake --preset release
	cmake --build --preset release --target weft --parallel "$$(nproc)"
	cmake --install build/release --prefix '$(PREFIX)'

clean:
	rm -rf build
