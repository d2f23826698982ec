/** Where the worker's file is: beside this one, in the source tree as in the published package. */
export const workerUrl = (): URL => new URL("./worker.js", import.meta.url);
