import "../packages/checkpoint/bench/open.bench.mjs";
