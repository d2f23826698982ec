import "../packages/classify/bench/labels.bench.mjs";
