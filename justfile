# The list of commands. Each line also works when it is typed without `just`.

# Shows this list.
default:
    @just --list

# The demo: the whole life of a job on a real PostgreSQL; ends by itself.
demo:
    cargo run -- demo

# Stays up: a private PostgreSQL and a worker for development.
dev *args:
    cargo run -- dev {{ args }}

# What a runaway does to an API; writes the picture and the table of the README. Needs a quiet machine and ten minutes.
bulkhead:
    cargo run --release -- bench bulkhead --repeat 3 --svg docs/bulkhead.svg --readme README.md

# Backstay and other queues in turn on one PostgreSQL, one table; `just bench --quick` takes five minutes.
bench *args:
    cargo xtask bench {{ args }}

# All tests, or those whose names contain a word: `just test retry`.
test *words:
    cargo test {{ words }}

# Format, lints, tidy and the pure tests; for every few minutes.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo xtask tidy
    BACKSTAY_TEST_DB=skip cargo test --quiet --workspace --lib

# Everything that a change must pass.
ci:
    .ci/run

# Writes what is generated: the code map in ARCHITECTURE.md.
gen:
    cargo xtask gen

# The ten longest functions and files.
sizes:
    cargo xtask sizes

# Sources, licences and bans of what others wrote; `just supply --advisories` asks for the newest of these too.
supply *args:
    cargo xtask supply {{ args }}

# The bill of materials of the binary, as CycloneDX.
sbom:
    cargo xtask sbom
