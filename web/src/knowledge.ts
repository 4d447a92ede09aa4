/**
 * What the reader knows, from answers: `Knowledge` in `quiz/estimate.py`, number for number.
 *
 * Knowledge is a random walk down a tree of topics, on a grid of logits; one pass up the tree and one down give the
 * belief about every node exactly.  `docs/knowledge.md` has the model, and `knowledge.cases.json` holds both to it.
 */

import { COUNT, dot, expit, GRID, normal, times, walk } from "./walk";

export interface Prior {
  mean: number;
  level: number;
  local: number;
  length: number;
}

export interface Item {
  difficulty: number;
  discrimination: number;
  guess: number;
}

/** `right` is null for "I don't know". */
export interface Response {
  question: number;
  right: boolean | null;
}

/** Levels of topics within topics: level 0 are the questions, the last one is the person. */
export interface Tree {
  /** For each node of a level the node of the next one that it is part of. */
  parents: readonly (readonly number[])[];
  /** The cosine distances at which the levels part. */
  heights: readonly number[];
}

const LEAST = 1e-300;
const TABLE = 64;

/** How many nodes each level has. */
export const sizesOf = (tree: Tree): number[] => [...tree.parents.map((level) => level.length), 1];

/** The variance of each step down the tree, from the person to the questions' last branch. */
export function sharesOf(prior: Prior, heights: readonly number[]): number[] {
  const left = [0, ...heights, Infinity].map((height) => Math.exp(-height / prior.length));
  return left.slice(1).map((value, i) => prior.local * ((left[i] ?? 0) - value));
}

/** The chance of knowing the answer, without a guess, at each value of the grid. */
export const knownAt = (item: Item): Float64Array =>
  GRID.map((value) => expit(item.discrimination * (value - item.difficulty)));

/** The chance of a right answer at each value of the grid. */
export const rightAt = (item: Item): Float64Array =>
  knownAt(item).map((known) => item.guess + (1 - item.guess) * known);

export class Knowledge {
  readonly sizes: readonly number[];
  /** By level, COUNT values a node: the belief, what the answers below it say, what it tells its parent. */
  readonly beliefs: Float64Array[];
  private readonly below: Float64Array[] = [];
  private readonly told: Float64Array[] = [];
  private readonly shares: number[];
  private readonly steps: Float64Array[];

  constructor(
    readonly tree: Tree,
    readonly responses: readonly Response[],
    readonly items: readonly Item[],
    readonly prior: Prior,
  ) {
    this.sizes = sizesOf(tree);
    this.shares = sharesOf(prior, tree.heights);
    this.steps = this.shares.map(walk);
    this.upward();
    this.beliefs = this.downward();
  }

  private upward(): void {
    let logs = new Float64Array((this.sizes[0] ?? 0) * COUNT);
    for (const { question, right } of this.responses) {
      const item = this.items[question];
      if (!item) continue;
      // A wrong answer and "I don't know" are both evidence of not knowing.
      const chances = right ? rightAt(item) : knownAt(item).map((known) => 1 - known);
      for (let i = 0; i < COUNT; i++) add(logs, question * COUNT + i, Math.log(chances[i] ?? 0));
    }
    this.tree.parents.forEach((parents, level) => {
      const below = scaled(logs);
      const told = new Float64Array(below.length);
      logs = new Float64Array((this.sizes[level + 1] ?? 0) * COUNT);
      parents.forEach((parent, node) => {
        const message = times(this.step(level), below, node * COUNT);
        for (let i = 0; i < COUNT; i++) {
          const value = Math.max(message[i] ?? 0, LEAST);
          told[node * COUNT + i] = value;
          add(logs, parent * COUNT + i, Math.log(value));
        }
      });
      this.below.push(below);
      this.told.push(told);
    });
    this.below.push(scaled(logs));
  }

  private downward(): Float64Array[] {
    const { mean, level } = this.prior;
    const start = normal(mean, level);
    const beliefs = [normalised(this.belowAt(this.tree.parents.length).map((value, i) => value * (start[i] ?? 0)))];
    for (let at = this.tree.parents.length - 1; at >= 0; at--) {
      const [above, told, below] = [beliefs[0] ?? start, this.toldAt(at), this.belowAt(at)];
      const belief = new Float64Array(below.length);
      (this.tree.parents[at] ?? []).forEach((parent, node) => {
        const rest = new Float64Array(COUNT);
        for (let i = 0; i < COUNT; i++) {
          rest[i] = (above[parent * COUNT + i] ?? 0) / (told[node * COUNT + i] ?? 1);
        }
        const around = times(this.step(at), rest);
        for (let i = 0; i < COUNT; i++) {
          belief[node * COUNT + i] = (below[node * COUNT + i] ?? 0) * (around[i] ?? 0);
        }
      });
      beliefs.unshift(normalised(belief));
    }
    return beliefs;
  }

  /** For each node, numbered through, the chance of knowing the answer to a question that hangs there. */
  mean(): Float64Array {
    const readings = this.readings();
    return joined(this.beliefs.map((beliefs, level) => {
      const reading = readings[level] ?? GRID;
      return Float64Array.from({ length: this.sizes[level] ?? 0 }, (_, node) => dot(beliefs, node * COUNT, reading, 0));
    }));
  }

  /** For each node the standard deviation of that chance which so many answers leave open; no answer raises it. */
  sd(): Float64Array {
    let fresh = 0;
    const variances = this.variances().map((level, i) => {
      if (i > 0) fresh += this.shares[i - 1] ?? 0;
      return level.map((variance) => variance + fresh);
    });
    const table = spreadOf(this.prior);
    const total = this.prior.level + this.prior.local;
    return joined(variances).map((variance) => {
      const at = Math.min(Math.max((variance / total) * TABLE, 0), TABLE);
      const low = Math.min(Math.floor(at), TABLE - 1);
      const [a, b] = [table[low] ?? 0, table[low + 1] ?? 0];
      return a + (b - a) * (at - low);
    });
  }

  /** A region's mean and standard deviation, exact after these answers; `weights` of the nodes. */
  average(weights: Float64Array): { mean: number; sd: number } {
    const readings = this.readings();
    const levels = split(weights, this.sizes);
    let expected: Float64Array = outer(levels[0], readings[0]);
    let variance: Float64Array = new Float64Array(expected.length);
    this.tree.parents.forEach((parents, level) => {
      const above = outer(levels[level + 1], readings[level + 1]);
      const open = new Float64Array(above.length);
      const squares = variance.map((value, i) => value + (expected[i] ?? 0) ** 2);
      parents.forEach((parent, node) => {
        const given = this.givenParent(level, node);
        const sent = times(given, expected, node * COUNT);
        const square = times(given, squares, node * COUNT);
        for (let i = 0; i < COUNT; i++) {
          add(above, parent * COUNT + i, sent[i] ?? 0);
          add(open, parent * COUNT + i, (square[i] ?? 0) - (sent[i] ?? 0) ** 2);
        }
      });
      [expected, variance] = [above, open];
    });
    const belief = this.beliefs[this.tree.parents.length] ?? GRID;
    const mean = dot(belief, 0, expected, 0);
    const square = dot(belief, 0, variance.map((value, i) => value + (expected[i] ?? 0) ** 2), 0);
    return { mean, sd: Math.sqrt(Math.max(square - mean ** 2, 0)) };
  }

  /** The chance of a right answer to a question, guessing included. */
  predict(question: number): number {
    const [item, beliefs] = [this.items[question], this.beliefs[0]];
    return item && beliefs ? dot(beliefs, question * COUNT, rightAt(item), 0) : 0;
  }

  /** By level, by the value at a node, the chance of knowing the answer to a question below that was not asked. */
  readings(): Float64Array[] {
    const readings: Float64Array[] = [GRID.map(expit)];
    for (const step of this.steps) readings.push(times(step, readings[readings.length - 1] ?? GRID));
    return readings;
  }

  /** The chance of each of a node's values (column) given its parent's (row). */
  givenParent(level: number, node: number): Float64Array {
    const [step, below, told] = [this.step(level), this.belowAt(level), this.toldAt(level)];
    const out = new Float64Array(COUNT * COUNT);
    for (let i = 0; i < COUNT; i++) {
      const whole = told[node * COUNT + i] ?? 1;
      for (let j = 0; j < COUNT; j++) {
        out[i * COUNT + j] = ((step[i * COUNT + j] ?? 0) * (below[node * COUNT + j] ?? 0)) / whole;
      }
    }
    return out;
  }

  /** By level the nodes' variances in logits if each answer were a measurement of its average precision. */
  private variances(): Float64Array[] {
    let precision: Float64Array = new Float64Array(this.sizes[0] ?? 0);
    for (const { question } of this.responses) {
      const item = this.items[question];
      if (item) add(precision, question, informationOf(item, this.prior));
    }
    const [below, told]: [Float64Array[], Float64Array[]] = [[], []];
    this.tree.parents.forEach((parents, level) => {
      const share = this.shares[level] ?? 0;
      const sent = precision.map((value) => value / (1 + value * share));
      below.push(precision);
      told.push(sent);
      precision = new Float64Array(this.sizes[level + 1] ?? 0);
      parents.forEach((parent, node) => add(precision, parent, sent[node] ?? 0));
    });
    const variances: Float64Array[] = [precision.map((value) => 1 / (1 / this.prior.level + value))];
    for (let level = this.tree.parents.length - 1; level >= 0; level--) {
      const above = variances[0] ?? precision;
      const parents = this.tree.parents[level] ?? [];
      variances.unshift(
        Float64Array.from(parents, (parent, node) => {
          const around = 1 / (1 / (above[parent] ?? 1) - (told[level]?.[node] ?? 0)) + (this.shares[level] ?? 0);
          return 1 / (1 / around + (below[level]?.[node] ?? 0));
        }),
      );
    }
    return variances;
  }

  private step = (level: number): Float64Array => this.steps[level] ?? walk(0);
  private belowAt = (level: number): Float64Array => this.below[level] ?? new Float64Array(0);
  private toldAt = (level: number): Float64Array => this.told[level] ?? new Float64Array(0);
}

/** Cut values of all nodes, numbered through, into levels. */
export function split(values: Float64Array, sizes: readonly number[]): Float64Array[] {
  let from = 0;
  return sizes.map((size) => values.subarray(from, (from += size)));
}

/** COUNT values a node: its weight times the reading. */
export function outer(weights: Float64Array = new Float64Array(0), reading: Float64Array = GRID): Float64Array {
  const out = new Float64Array(weights.length * COUNT);
  for (let i = 0; i < out.length; i++) out[i] = (weights[Math.floor(i / COUNT)] ?? 0) * (reading[i % COUNT] ?? 0);
  return out;
}

export function add(values: Float64Array, at: number, more: number): void {
  values[at] = (values[at] ?? 0) + more;
}

function joined(levels: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(levels.reduce((sum, level) => sum + level.length, 0));
  let from = 0;
  for (const level of levels) {
    out.set(level, from);
    from += level.length;
  }
  return out;
}

/** The exponentials of each node's values, the largest of which is one. */
function scaled(logs: Float64Array): Float64Array {
  const out = new Float64Array(logs.length);
  for (let from = 0; from < logs.length; from += COUNT) {
    const stretch = logs.subarray(from, from + COUNT);
    const most = Math.max(...stretch);
    for (let i = 0; i < COUNT; i++) out[from + i] = Math.exp((stretch[i] ?? 0) - most);
  }
  return out;
}

function normalised(values: Float64Array): Float64Array {
  for (let from = 0; from < values.length; from += COUNT) {
    const stretch = values.subarray(from, from + COUNT);
    const sum = stretch.reduce((a, b) => a + b, 0);
    for (let i = 0; i < COUNT; i++) stretch[i] = (stretch[i] ?? 0) / sum;
  }
  return values;
}

/** The Fisher information of an answer about the knowledge in logits, on average over the prior. */
function informationOf(item: Item, prior: Prior): number {
  const [known, right] = [knownAt(item), rightAt(item)];
  const found = known.map((value, i) => {
    const slope = (1 - item.guess) * item.discrimination * value * (1 - value);
    const chance = right[i] ?? 0;
    return slope ** 2 / (chance * (1 - chance));
  });
  return dot(normal(prior.mean, prior.level + prior.local), 0, found, 0);
}

const spreads = new Map<string, Float64Array>();

/** The standard deviations of a probability that so many 64ths of the prior's variance leave, on average. */
function spreadOf(prior: Prior): Float64Array {
  const key = [prior.mean, prior.level, prior.local].join(" ");
  let table = spreads.get(key);
  if (!table) {
    const total = prior.level + prior.local;
    const known = GRID.map(expit);
    const squares = known.map((value) => value ** 2);
    let most = 0;
    table = Float64Array.from({ length: TABLE + 1 }, (_, i) => {
      const variance = (total * i) / TABLE;
      const means = normal(prior.mean, Math.max(total - variance, 0));
      const here = walk(variance);
      const [first, second] = [times(here, known), times(here, squares)];
      const open = second.map((value, j) => value - (first[j] ?? 0) ** 2);
      most = Math.max(most, Math.sqrt(Math.max(0, dot(means, 0, open, 0))));
      return most;
    });
    spreads.set(key, table);
  }
  return table;
}
