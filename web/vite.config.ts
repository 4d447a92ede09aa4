import { defineConfig } from "vitest/config";

export default defineConfig({
  // The page is opened from any folder of any server, so every address in it is relative.
  base: "./",
  build: {
    outDir: "../src/knowscape/page/dist",
    emptyOutDir: true,
    target: "es2022",
    // The page's content security policy forbids inline assets that a data: address would become.
    assetsInlineLimit: 0,
    // The licences of what is bundled are shipped beside it; the typeface's own lies in public/.
    license: { fileName: "licences.md" },
    modulePreload: { polyfill: false },
  },
  // A test reads the style sheet's colours.
  test: { css: true },
});
