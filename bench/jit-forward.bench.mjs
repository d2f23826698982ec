import "../packages/jit/bench/forward.bench.mjs";
