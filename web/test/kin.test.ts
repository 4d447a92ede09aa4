import { describe, expect, it } from "vitest";
import { ranksOnMap } from "../src/kin";

const line = (xs: number[]) => ({ x: Uint16Array.from(xs), y: new Uint16Array(xs.length), count: xs.length });

describe("ranks on the map", () => {
  it("count the articles that lie nearer, without the article itself", () => {
    expect(ranksOnMap(line([100, 110, 130, 90, 500]), 0, [4, 1, 2])).toEqual([
      { index: 4, rank: 4 },
      { index: 1, rank: 1 },
      { index: 2, rank: 3 },
    ]);
  });

  it("are shared by articles in one place, and none where there are no neighbours", () => {
    expect(ranksOnMap(line([7, 7, 7, 9]), 0, [1, 2, 3]).map(({ rank }) => rank)).toEqual([1, 1, 3]);
    expect(ranksOnMap(line([7]), 0, [])).toEqual([]);
  });
});
