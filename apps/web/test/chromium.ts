import { existsSync } from "node:fs";

/** An installed Chromium: $CHROMIUM, or where distributions put it. */
export const chromiumPath = (): string | undefined =>
  [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path !== "" && existsSync(path),
  );

export const chromiumArgs = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-sync",
];
