export { onBackends } from "./backends.ts";
export { expectClose, maxRelativeError } from "./close.ts";
export { type ConformanceOptions, conformance } from "./conformance.ts";
export { fill, filledCheckpoint, fillImage, parameterShapes } from "./fill.ts";
export { goldens, goldenTensor, sample } from "./goldens.ts";
export { compareWithGolden, crossEntropy, type Parity, worst } from "./parity.ts";
export { shared } from "./shared.ts";
export { type Fault, type StubHub, type StubRequest, startStubHub } from "./stub-hub.ts";
export { gitBlobSha1, reposIn, type StubFiles, type StubRepo, sha256 } from "./stub-repo.ts";
