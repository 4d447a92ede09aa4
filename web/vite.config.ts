import { build, type BuildEnvironmentOptions, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = "../src/knowscape/page/dist";
const TARGET = "es2022";

/** The page again as one script and one style sheet, typeface inside: `page/single.py` makes a file of them. */
const inOneFile: BuildEnvironmentOptions = {
  outDir: `${OUT}/file`,
  emptyOutDir: true,
  target: TARGET,
  assetsInlineLimit: Number.MAX_SAFE_INTEGER,
  copyPublicDir: false,
  modulePreload: false,
  rolldownOptions: {
    input: "src/main.ts",
    output: { codeSplitting: false, entryFileNames: "page.js", assetFileNames: "page[extname]" },
  },
};

const single: Plugin = {
  name: "single-file",
  apply: "build",
  async closeBundle() {
    await build({ configFile: false, base: "./", logLevel: "warn", build: inOneFile });
  },
};

export default defineConfig({
  // The page is opened from any folder of any server, so every address in it is relative.
  base: "./",
  plugins: [single],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: TARGET,
    // The page's content security policy forbids inline assets that a data: address would become.
    assetsInlineLimit: 0,
    // The licences of what is bundled are shipped beside it; the typeface's own lies in public/.
    license: { fileName: "licences.md" },
    modulePreload: { polyfill: false },
  },
  // A test reads the style sheet's colours.
  test: { css: true },
});
