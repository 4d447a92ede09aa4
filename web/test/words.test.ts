import { afterEach, describe, expect, it } from "vitest";
import ts from "typescript";
import page from "../index.html?raw";
import { choose, formatCount, formatPercents, LANGUAGES, say, speak, type Key } from "../src/words";

type Text = string | Record<string, string>;
const languages = import.meta.glob<Record<string, Text>>("../src/languages/*.json", { eager: true, import: "default" });
const byCode = Object.entries(languages).map(([path, words]): [string, Record<string, Text>] => [
  path.replace(/^.*\/|\.json$/g, ""),
  words,
]);
const english = languages["../src/languages/en.json"] ?? {};
const sources = Object.entries(
  import.meta.glob<string>("../src/*.ts", { eager: true, query: "?raw", import: "default" }),
);

const formsOf = (text: Text = ""): string[] => (typeof text === "string" ? [text] : Object.values(text));
const placesIn = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].sort();

describe.each(byCode)("the words of %s", (code, words) => {
  it("are for the same keys as the English ones, in the same order", () => {
    expect(Object.keys(words)).toEqual(Object.keys(english));
  });

  it("have the places of the English ones; a form for one need not say the number", () => {
    for (const [key, text] of Object.entries(english)) {
      const wanted = placesIn(formsOf(text).at(-1) ?? "");
      for (const form of formsOf(words[key])) {
        const unsaid = typeof words[key] === "string" ? [] : wanted.filter((place) => place === "{count}");
        expect([...new Set([...placesIn(form), ...unsaid])].sort(), key).toEqual(wanted);
      }
    }
  });

  it("have a form for every number that the language tells apart", () => {
    for (const text of Object.values(words)) {
      if (typeof text === "string") continue;
      const type = formsOf(text).join().includes("{nth}") ? "ordinal" : "cardinal";
      const { pluralCategories } = new Intl.PluralRules(code, { type }).resolvedOptions();
      expect(Object.keys(text).sort()).toEqual([...pluralCategories].sort());
    }
  });

  it("are set with care: curly quotes, real dashes and dots, no line that breaks before a per cent sign", () => {
    for (const form of Object.values(words).flatMap(formsOf)) expect(form).not.toMatch(/["']| %|\.\.\.| - |--/);
  });

  it("name their direction", () => {
    expect(["ltr", "rtl"]).toContain(words["language.direction"]);
  });
});

describe("saying something", () => {
  afterEach(() => speak("en"));

  it("takes the form of its number", async () => {
    expect([1, 2, 1200].map((count) => say("page.articles", { count }))).toEqual(["1 article", "2 articles", "1,200 articles"]);
    expect([1, 2, 3, 4, 11, 22, 1203].map((nth) => say("kin.rank", { nth }))).toEqual([
      "1st", "2nd", "3rd", "4th", "11th", "22nd", "1,203rd",
    ]);
    await speak("de");
    expect([1, 1200].map((count) => say("page.articles", { count }))).toEqual(["1 Artikel", "1.200 Artikel"]);
    expect(say("kin.rank", { nth: 3 })).toBe("3.");
    expect([formatCount(250000), formatPercents(0.376, 0.388, 1)]).toEqual(["250.000", "37,6–38,8\u00a0%"]);
  });

  it("keeps a value to itself that runs the other way, and leaves others alone", () => {
    expect(say("article.source", { source: "עולם {name} $&" })).toBe("Source: \u2068עולם {name} $&\u2069");
    expect(say("article.source", { source: "World $& {source}" })).toBe("Source: World $& {source}");
  });

  it("goes on in English where a language is not there", async () => {
    await speak("xx");
    expect(say("legend.known")).toBe("known");
  });
});

describe("the language", () => {
  it("is the first that is asked for and that there is", () => {
    expect(LANGUAGES).toEqual(byCode.map(([code]) => code).sort());
    expect(choose([null, "fr-FR", "de-CH", "en"])).toBe("de");
    expect(choose(["de", "en-GB"])).toBe("de");
    expect(choose([undefined, null, "fr"])).toBe("en");
  });
});

/** What a reader could see of a page without words, and names of things that are the same in every language. */
const NAMES = /^(Knowscape|CSV|JSONL|E)$/;
const BEFORE_WORDS = ["unstyled", "noscript"];

describe("no text stands outside of the languages", () => {
  it("in the page, but for what is read without its script", () => {
    const bare = page
      .replace(/<!--[^]*?-->/g, "")
      .replace(new RegExp(`<(?:p class="(?:${BEFORE_WORDS.join("|")})"|noscript)[^]*?</(?:p|noscript)>`, "g"), "");
    const texts = bare.split(/<[^>]*>/).map((text) => text.trim());
    expect(texts.filter((text) => /\p{L}/u.test(text) && !NAMES.test(text))).toEqual([]);
    expect([...bare.matchAll(/\s(?:aria-label|title|alt|placeholder)="[^"]*"/g)]).toEqual([]);
  });

  it.each(sources)("in %s", (path, code) => {
    expect(wordsIn(path, code)).toEqual([]);
  });

  it("and every key is said somewhere", () => {
    const all = [page, ...sources.map(([, code]) => code)].join("\n");
    const made = /^(tour\.(land|quiz|search|read|open)(-text)?|survey\.(missed|unknown|unasked)|reading\.draw-\w+|table\.(title|region|kept|knowledge))$/;
    expect(Object.keys(english).filter((key) => !all.includes(`"${key}"`) && !made.test(key))).toEqual([]);
    const named = [...page.matchAll(/data-say[\w-]*="([^"]*)"/g)].map((match) => match[1] as Key);
    expect(named.filter((key) => !(key in english))).toEqual([]);
  });
});

/** Calls whose words are for developers, for the style sheet or for the browser, and no reader's. */
const UNSEEN = /^(console\.\w+|matchMedia|.*\.(querySelector(All)?|closest|matches|getContext|toggle)|new (RegExp|Error)|Error)$/;

/** Names of keys, and words that stand in files and links. */
const CODES = /^(Enter|Escape|Home|End|knowscape answers|weak spots)$/;

/** Literals that are put where they are seen, or that read like English: two words, or one with a capital letter. */
function wordsIn(path: string, code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || path.endsWith("shaders.ts")) return;
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && UNSEEN.test(called(node))) {
      // Only a key's caller or a developer reads these.
      return;
    }
    if (ts.isPropertyAssignment(node) && /^"?(class|for|id|role|type|rel)"?$/.test(node.name.getText())) return;
    const seen = seenIn(node);
    if (seen && ts.isStringLiteralLike(seen) && /\p{L}/u.test(seen.text)) found.push(seen.text);
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (/\p{L}{2,}[,.:;]? \p{L}{2,}|^\p{Lu}\p{Ll}+$/u.test(node.text) && !CODES.test(node.text)) found.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, code, ts.ScriptTarget.ES2022, true));
  return found;
}

/** The text that a node puts into the page: `{ text: … }`, `node.textContent = …`. */
function seenIn(node: ts.Node): ts.Expression | null {
  if (ts.isPropertyAssignment(node)) return /^"?(text|label|title|aria-label)"?$/.test(node.name.getText()) ? node.initializer : null;
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.EqualsToken) return null;
  return /\.(textContent|title|label|placeholder)$/.test(node.left.getText()) ? node.right : null;
}

const called = (node: ts.CallExpression | ts.NewExpression): string =>
  `${ts.isNewExpression(node) ? "new " : ""}${node.expression.getText()}`;
