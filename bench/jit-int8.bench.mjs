import "../packages/classify/bench/int8.bench.mjs";
