import { prove } from "./prove.ts";

// For page.evaluate.
Object.assign(globalThis, { prove });
