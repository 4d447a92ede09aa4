import { describe, expect, it } from "vitest";
import { fromFragment, toFragment, type Standing } from "../src/fragment";
import { signOf } from "../src/sign";

const all: Standing = {
  at: { x: 0.41231, y: -0.1, span: 0.25 },
  colour: "field.3",
  only: [0, 9],
  time: { field: 2, from: -365, to: 12_000.5 },
  region: { level: 1, number: 24 },
  article: { row: 12, sign: "0badcafe" },
  theme: "dark",
  answers: "01234567.AB-_",
};

describe("a link to a view", () => {
  it("brings back all of it", () => {
    const fragment = toFragment(all);
    expect(fragment.startsWith("#at=0.41231,-0.1,0.25&colour=field.3&only=0.9&time=2,-365,12000.5&")).toBe(true);
    expect(fromFragment(fragment)).toEqual(all);
  });

  it("says nothing of what there is nothing to say of", () => {
    expect(toFragment({})).toBe("");
    expect(fromFragment("")).toEqual({});
    expect(fromFragment("#elsewhere")).toEqual({});
  });

  it("is one with the link to the answers", () => {
    expect(fromFragment("#answers=01234567.AB")).toEqual({ answers: "01234567.AB" });
  });

  it.each([
    "#at=0.1,0.2", "#at=1e999,0,1", "#at=NaN,0,1", "#at=0.1,0.2,0", "#at=0.1,0.2,-3", "#at=<b>,1,1",
    "#colour=red", "#colour=field.x", "#colour=constructor", "#colour=%70lain", "#only=a", "#only=1..2",
    "#time=1,5,4", "#time=1,5", "#region=1", "#region=-1.0", "#region=1.999999", "#article=1", "#article=1.zz",
    "#article=1.0BADCAFE", "#theme=javascript:1", "#__proto__=1", "#constructor=1", "#toString", "#=", "#&&&=&",
    `#at=${"9".repeat(10_000)},0,1`, "#colour=<script>alert(1)</script>", "#at=0.1,0.2,0.3 ",
  ])("is not led astray by %s", (fragment) => {
    expect(fromFragment(fragment)).toEqual({});
    expect(Object.getPrototypeOf(fromFragment(fragment))).toBe(Object.prototype);
  });

  it("keeps what is whole beside what is not", () => {
    expect(fromFragment("#at=x&colour=topic&region=9")).toEqual({ colour: "topic" });
  });
});

describe("a sign", () => {
  it("tells texts from others, and from the same texts cut elsewhere", () => {
    expect(signOf(["Stars"])).toMatch(/^[0-9a-f]{8}$/);
    expect(new Set([["a", "b"], ["ab"], ["b", "a"], []].map(signOf)).size).toBe(4);
  });
});
