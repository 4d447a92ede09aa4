import { describe, expect, it } from "vitest";
import placing from "../../src/knowscape/maps/placing.py?raw";
import { boxAround, REASONS } from "../src/place-panel";
import { say, speak, translated } from "../src/words";

describe("what is shown around a text that was placed", () => {
  it("holds its circle and its neighbours", () => {
    const to = [{ x: 0.9, y: 0.5 }, { x: 0.45, y: 0.1 }];
    const [x0, y0, x1, y1] = boxAround({ x: 0.5, y: 0.5, spread: 0.1 }, to);
    expect([x0, y0, x1, y1].map((value) => Number(value.toFixed(6)))).toEqual([0.4, 0.1, 0.9, 0.6]);
  });

  it("is not a single point where all are in one place", () => {
    const [x0, , x1] = boxAround({ x: 0.5, y: 0.5, spread: 0 }, [{ x: 0.5, y: 0.5 }]);
    expect(x1 - x0).toBeGreaterThan(0.05);
  });
});

describe("why a text is not placed", () => {
  it("is known in the server's own words, all of them", () => {
    const [, doubt = ""] = placing.split("def doubt(");
    const said = [...doubt.slice(0, doubt.indexOf("\nclass ")).matchAll(/return "(.+)"/g)].map(([, reason]) => reason);
    expect(REASONS.map((key) => say(key)).sort()).toEqual(said.sort());
  });

  it("is said in the reader's language, and a reason that is not known as it came", async () => {
    const scattered = say("place.scattered");
    await speak("de");
    expect(translated(scattered, REASONS)).toContain("verstreut");
    expect(translated("of another kind", REASONS)).toBe("of another kind");
    await speak("en");
  });
});
