import "../packages/jit/bench/training.bench.mjs";
