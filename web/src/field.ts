/** The estimate as ground: each article's mean and standard deviation, smoothed over a grid of the map. */

import { add, type Knowledge } from "./knowledge";
import { mapX, mapY, type Box, type Places, type Points } from "./payload";
import { cellIn, smoothed, type Raster } from "./raster";

export interface Estimate {
  mean: number;
  /** 1 before any answer, 0 where this quiz can make nothing surer: where the standard deviation is between the two. */
  uncertainty: number;
}

/** A grid over a box; row 0 is the box's lower edge. */
export interface Field extends Raster {
  mean: Float32Array;
  uncertainty: Float32Array;
}

const COLUMNS = 96;
/** Standard deviations of the smoothing, in cells: a fine one, and a broad one where there are no articles. */
const [FINE, BROAD] = [1.6, 8];
const BROAD_WEIGHT = 1e-3;
/** The first answers take little off the standard deviation, and should be seen. */
const STRETCH = 1.5;

export class Ground {
  private readonly raster: Raster;
  private readonly cells: Int32Array;
  private readonly counts: Float32Array;
  /** The weights of each article's nodes, of sum one. */
  private readonly shares: Float32Array;
  /** How much each node counts when all articles in the box count the same. */
  readonly weights: Float64Array;

  constructor(
    private readonly points: Points,
    box: Box,
    private readonly nodes: number,
    /** Standard deviations: before any answer, and the smallest when all questions are answered. */
    private readonly scale: { nothing: number; everything: number },
  ) {
    const rows = Math.max(2, Math.round((COLUMNS * (box[3] - box[1])) / (box[2] - box[0])));
    this.raster = { columns: COLUMNS, rows, box };
    this.cells = new Int32Array(points.count);
    const counts = new Float32Array(COLUMNS * rows);
    this.shares = sharesOf(points.places);
    for (let i = 0; i < points.count; i++) {
      const cell = cellIn(this.raster, mapX(points, i), mapY(points, i));
      this.cells[i] = cell;
      if (cell >= 0) counts[cell] = (counts[cell] ?? 0) + 1;
    }
    this.weights = this.weightsOf((article) => (this.cells[article] ?? -1) >= 0);
    this.counts = smoothed(counts, this.raster, FINE, BROAD, BROAD_WEIGHT);
  }

  /** Every article's mean and standard deviation, as probabilities of knowing. */
  articles(knowledge: Knowledge): { mean: Float32Array; sd: Float32Array } {
    const [means, sds] = [knowledge.mean(), knowledge.sd()];
    const { count, places } = this.points;
    const mean = new Float32Array(count);
    const sd = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      let [sum, spread] = [0, 0];
      for (let k = i * places.each; k < (i + 1) * places.each; k++) {
        const share = this.shares[k] ?? 0;
        const at = places.node[k] ?? 0;
        sum += share * (means[at] ?? 0);
        spread += share * (sds[at] ?? 0);
      }
      mean[i] = sum;
      sd[i] = spread;
    }
    return { mean, sd };
  }

  field(knowledge: Knowledge): Field {
    const { mean, sd } = this.articles(knowledge);
    const [means, sds] = [new Float32Array(this.counts.length), new Float32Array(this.counts.length)];
    this.cells.forEach((cell, i) => {
      if (cell < 0) return;
      means[cell] = (means[cell] ?? 0) + (mean[i] ?? 0);
      sds[cell] = (sds[cell] ?? 0) + (sd[i] ?? 0);
    });
    const over = (values: Float32Array): Float32Array =>
      smoothed(values, this.raster, FINE, BROAD, BROAD_WEIGHT).map(
        (value, cell) => value / Math.max(this.counts[cell] ?? 0, 1e-20),
      );
    const { nothing, everything } = this.scale;
    const uncertainty = over(sds).map((value) => {
      const left = (value - everything) / Math.max(nothing - everything, 1e-9);
      return Math.min(Math.max(left, 0), 1) ** STRETCH;
    });
    return { ...this.raster, mean: over(means), uncertainty };
  }

  /** How much each node counts when the articles that `among` picks count the same. */
  weightsOf(among: (article: number) => boolean): Float64Array {
    const weights = new Float64Array(this.nodes);
    const { each, node } = this.points.places;
    let total = 0;
    for (let i = 0; i < this.points.count; i++) {
      if (!among(i)) continue;
      total++;
      for (let k = i * each; k < (i + 1) * each; k++) add(weights, node[k] ?? 0, this.shares[k] ?? 0);
    }
    return weights.map((weight) => weight / Math.max(total, 1));
  }
}

function sharesOf({ each, weight }: Places): Float32Array {
  const shares = new Float32Array(weight.length);
  for (let from = 0; from < weight.length; from += each) {
    let sum = 0;
    for (let k = from; k < from + each; k++) sum += weight[k] ?? 0;
    for (let k = from; k < from + each; k++) shares[k] = (weight[k] ?? 0) / Math.max(sum, 1);
  }
  return shares;
}

/** The estimate in the cell of a place; null outside of the field. */
export function estimateAt(field: Field, x: number, y: number): Estimate | null {
  const cell = cellIn(field, x, y);
  return cell < 0 ? null : { mean: field.mean[cell] ?? 0, uncertainty: field.uncertainty[cell] ?? 0 };
}
