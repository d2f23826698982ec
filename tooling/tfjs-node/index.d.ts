export const tfjsVersion: string;
export const tensorflowVersion: string;
export function buildFolder(env?: Readonly<Record<string, string | undefined>>): string;
export function packageFolder(build?: string): string;
export function findTfjsNode(build?: string): { module: string; reason?: never } | { module?: never; reason: string };
