import "../packages/tensor/bench/wasm-kernels.bench.mjs";
