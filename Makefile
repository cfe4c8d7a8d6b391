# `make` lists what there is to make. CI makes `ci` and nothing else.

N ?= 4
FUZZ ?= head target chunked frame message json form
TIME ?= 60

.PHONY: help run test models peers crowd grading check-flakes experiments exercises browser outage tidy bench autobahn fuzz notes-accept ci

help: # this list
	@awk -F ':.*# ' '/^[a-z-]+:.*# / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: # serve one part: make run N=3
	cargo run -- $(N)

test: # what a minute can hold, with nothing but Rust
	cargo test

exercises: # each exercise is done, and caught by its test; for the pages, node and chromium
	cargo test --test docs each_exercise -- --ignored

experiments: # every transcript of the texts, with curl, telnet, nc, openssl and xxd; a minute of it is waiting
	cargo test --test docs every_experiment -- --ignored

models: # the room and part 4's threads, in thousands of the orders in which they can run
	cargo test -p models

peers: # a WebSocket client of another house against part 4
	cargo test -p peers

crowd: # twelve thousand clients of one server, and those that fill its memory
	cargo test --test faults twelve_thousand -- --ignored
	cargo test --test budget -- --test-threads=1 --ignored

check-flakes: # rawchat check fails nothing on a busy machine; ten minutes
	cargo test --test tools nothing_fails_in_fifty -- --ignored

grading: # rawchat check against this server, faulty ones and those of the homework (python3, node); rawchat measure
	cargo test --test tools -- --test-threads=2 --ignored passes_every pass_every each_fault_fails after_a_minute are_measured writes_it

browser: # the pages in Chromium and in Firefox, without a window; needs node 20 and both
	@command -v node npm > /dev/null || { echo "make browser: node and npm are missing; install Node.js 20 or newer"; exit 1; }
	@test -n "$$CHROMIUM" || command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| { echo "make browser: there is no chromium; install it, or say CHROMIUM=/path/to/it"; exit 1; }
	@test -n "$$FIREFOX" || command -v firefox-esr || command -v firefox \
		|| { echo "make browser: there is no firefox; install it, or say FIREFOX=/path/to/it"; exit 1; }
	cargo build
	cd tests/browser && { test -d node_modules || npm ci --silent; } && npm test && ENGINE=firefox npm test

outage: # the pages after a minute without a server, in both browsers, and 30 s of a flood
	cargo build
	cd tests/browser && OUTAGE_S=60 FLOOD=1 node --test --test-concurrency=1 outage.test.js flood.test.js
	cd tests/browser && OUTAGE_S=60 ENGINE=firefox node --test --test-concurrency=1 outage.test.js

tidy: # rustfmt and clippy have nothing to say
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: # how fast the pieces are
	cargo build --release
	cargo bench -p benches

notes-accept: # confirm a note after reading it and its code: make notes-accept MARK=3.2, or MARK=all
	NOTES_ACCEPT=$(MARK) cargo test --test docs the_notes_are_confirmed

autobahn: # Autobahn|Testsuite against /echo; needs wstest or docker
	tests/autobahn/run

fuzz: # libFuzzer on each parser for TIME=60 seconds, or on FUZZ=frame only
	cd tests/fuzz && for name in $(FUZZ); do \
		mkdir -p ../../target/fuzz/corpus/$$name && FUZZ=$$name cargo run --release -- \
			../../target/fuzz/corpus/$$name corpus/$$name -max_total_time=$(TIME) -artifact_prefix=../../target/fuzz/ || exit 1; done

# What waits more than it computes goes side by side.
ci: # what CI makes, and how many seconds each step took
	@for step in tidy test models peers crowd "grading experiments exercises" browser; do \
		began=$$(date +%s); $(MAKE) --no-print-directory --jobs=3 $$step || exit 1; \
		took="$$took$$(($$(date +%s) - began)) s: $$step\n"; \
	done; printf "$$took"
