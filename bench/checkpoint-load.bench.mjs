import "../packages/checkpoint/bench/load.bench.mjs";
