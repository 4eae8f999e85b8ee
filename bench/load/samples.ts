/** What is looked at during the steady load, and when it is flat. @module */

/** Figures of one moment, by name; `s` is the seconds since the start. */
export type Sample = Readonly<Record<string, number>>;

/** How one figure may change. */
export interface Tolerance {
  /** Part of the value of the second quarter. */
  readonly relative: number;
  /** And beside it, in the figure's own unit. */
  readonly absolute: number;
}

/** Memory moves with the collector, counts with what happens to be under way. */
const memory: Tolerance = { relative: 0.1, absolute: 10 };
const counts: Tolerance = { relative: 0.1, absolute: 12 };

/** The figures that must be flat. */
export const watched: Readonly<Record<string, Tolerance>> = {
  client_rss_mb: memory,
  client_heap_mb: memory,
  client_descriptors: counts,
  client_actors: { relative: 0.15, absolute: 20 },
  client_timers: { relative: 0.15, absolute: 20 },
  client_permits: counts,
  service_rss_mb: memory,
  service_descriptors: counts,
  service_processes: counts,
  service_shells: counts,
  service_actors: { relative: 0.15, absolute: 20 },
  service_timers: { relative: 0.15, absolute: 20 },
};

/** What became of one figure. */
export interface Verdict {
  readonly name: string;
  /** Medians of the second and the last quarter. */
  readonly second: number;
  readonly last: number;
  readonly highest: number;
  /** Slope of a straight line through everything behind the first quarter, per hour. */
  readonly perHour: number;
  readonly flat: boolean;
}

/**
 * Judges samples in order of time. The first quarter warms up; growth is told by the medians of the second and the last, which
 * single moments do not move. Less than before is no growth.
 */
export function judge(samples: readonly Sample[]): Verdict[] {
  const quarter = Math.floor(samples.length / 4);
  return Object.entries(watched).map(([name, { relative, absolute }]) => {
    const values = samples.map((sample) => sample[name] ?? Number.NaN);
    const second = median(values.slice(quarter, 2 * quarter));
    const last = median(values.slice(-quarter));
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
