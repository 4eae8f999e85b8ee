/** What is looked at during the steady load, and when it is flat. @module */

/** Figures of one moment, by name; `s` is the seconds since the start. */
export type Sample = Readonly<Record<string, number>>;

/** How one figure is read, and how it may change. */
export interface Rule {
  /** Which value of a quarter counts: 0.5 is the median, 0.25 the lower quartile. */
  readonly quantile: number;
  /** Growth that is allowed: a part of the value of the second quarter, */
  readonly relative: number;
  /** and beside it, in the figure's own unit. */
  readonly absolute: number;
}

/** Memory moves with the collector. */
const memory: Rule = { quantile: 0.5, relative: 0.1, absolute: 10 };
/** Counts leap while work on many hosts is under way, for seconds; what leaks raises their floor. */
const counts: Rule = { quantile: 0.25, relative: 0.1, absolute: 8 };
/** Those that hosts, connections and their timers add up to, which live some seconds longer than their work. */
const manyCounts: Rule = { quantile: 0.25, relative: 0.15, absolute: 20 };

/** The figures that must be flat. */
export const watched: Readonly<Record<string, Rule>> = {
  client_rss_mb: memory,
  client_heap_mb: memory,
  client_descriptors: manyCounts,
  client_actors: manyCounts,
  client_timers: manyCounts,
  client_permits: counts,
  service_rss_mb: memory,
  service_descriptors: manyCounts,
  service_processes: counts,
  service_shells: counts,
  service_actors: manyCounts,
  service_timers: manyCounts,
};

/** What became of one figure. */
export interface Verdict {
  readonly name: string;
  /** Median or lower quartile of the second and of the last quarter. */
  readonly second: number;
  readonly last: number;
  readonly highest: number;
  /** Slope of a straight line through everything behind the first quarter, per hour. */
  readonly perHour: number;
  readonly flat: boolean;
}

/**
 * Judges samples in order of time. The first quarter warms up; growth is told by one quantile of the second and of the
 * last, which single moments do not move. Less than before is no growth.
 */
export function judge(samples: readonly Sample[]): Verdict[] {
  const quarter = Math.floor(samples.length / 4);
  return Object.entries(watched).map(([name, { quantile, relative, absolute }]) => {
    const values = samples.map((sample) => sample[name] ?? Number.NaN);
    const second = quantileOf(values.slice(quarter, 2 * quarter), quantile);
    const last = quantileOf(values.slice(-quarter), quantile);
    return {
      name,
      second,
      last,
      highest: Math.max(...values),
      perHour: 3_600 * slope(samples.slice(quarter).map((sample) => [sample["s"] ?? 0, sample[name] ?? 0])),
      // A figure that is missing compares false.
      flat: last <= second * (1 + relative) + absolute,
    };
  });
}

function quantileOf(values: readonly number[], quantile: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * quantile)] ?? Number.NaN;
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
