//! Worlds, scenarios, recordings, faults and benchmarks over all of Verdigris.
