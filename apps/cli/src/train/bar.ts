import type { SingleBar } from "cli-progress";
import { newBar } from "../progress.ts";

/** A bar on stderr where that is a terminal and a bar is wanted; else one that shows nothing. */
export async function openBar(wanted: boolean): Promise<Bar> {
  return new Bar(wanted && process.stderr.isTTY ? await newBar("{what}") : undefined);
}

/** A bar that comes with the first thing to show, and makes room for lines. */
export class Bar {
  readonly bar: SingleBar | undefined;
  started = false;

  constructor(bar: SingleBar | undefined) {
    this.bar = bar;
  }

  show(done: number, of: number, what: string): void {
    if (!this.bar) return;
    if (!this.started) this.bar.start(of, done, { what });
    else {
      this.bar.setTotal(of);
      this.bar.update(done, { what });
    }
    this.started = true;
  }

  aside(write: () => void): void {
    this.end();
    write();
  }

  end(): void {
    if (this.started) this.bar?.stop();
    this.started = false;
  }
}
