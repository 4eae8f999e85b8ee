/**
 * `deno run -A bench/plot_fleet_cost.ts`: draws `bench/fleet_cost.svg` from the `BENCH` lines of the last whole run of the
 * suite `fleet` (`build/bench/fleet.txt`): what one host costs among 100 to 10,000.
 * @module
 */

/** One line of figures over the number of hosts. */
interface Series {
  readonly label: string;
  readonly color: string;
  readonly points: readonly { readonly hosts: number; readonly value: number }[];
}

/** One pair of axes. */
interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const width = 860;
const panelHeight = 300;
const margin = { left: 70, right: 170, top: 44, bottom: 46 };
/** The axis of values begins at zero, or a flat line would look steep. */
const gridLines = 4;

/** The figures of each case, by their names. */
export function readCases(text: string, name: string): Readonly<Record<string, number>>[] {
  const lines = text.split("\n").filter((line) =>
    line.startsWith(`BENCH suite=fleet case=${name} impl=drover `)
  );
  return lines.map((line) =>
    Object.fromEntries(
      [...line.matchAll(/ (\w+)=(-?[\d.]+)(?= |$)/g)].map(([, key, value]) => [key!, Number(value)]),
    )
  );
}

/** One figure over the number of hosts; `choose` says which of several passes counts. */
function pointsOf(
  cases: readonly Readonly<Record<string, number>>[],
  figure: string,
  choose: (sorted: readonly number[]) => number,
): Series["points"] {
  const found = new Map<number, number[]>();
  for (const { hosts, [figure]: value } of cases) {
    if (hosts !== undefined && value !== undefined) found.set(hosts, [...found.get(hosts) ?? [], value]);
  }
  const points = [...found].map(([hosts, values]) => ({
    hosts,
    value: choose(values.sort((a, b) => a - b)),
  }));
  return points.sort((a, b) => a.hosts - b.hosts);
}

/** Noise only adds to processor time; memory goes both ways. */
const lowest = (sorted: readonly number[]) => sorted[0]!;
const median = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)]!;

/** The drawing. */
export function plot(panels: readonly Panel[]): string {
  const height = panels.length * panelHeight;
  const drawn = panels.map((panel, index) => drawPanel(panel, index * panelHeight));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="13">\n<rect width="${width}" height="${height}" fill="#fff"/>\n` +
    `${drawn.join("\n")}\n</svg>\n`;
}

function drawPanel({ title, unit, series }: Panel, top: number): string {
  const hosts = [...new Set(series.flatMap(({ points }) => points.map((point) => point.hosts)))].sort((
    a,
    b,
  ) => a - b);
  const highest = roundUp(Math.max(...series.flatMap(({ points }) => points.map(({ value }) => value))));
  const left = margin.left;
  const right = width - margin.right;
  const upper = top + margin.top;
  const lower = top + panelHeight - margin.bottom;
  const from = Math.log10(hosts[0]!);
  const span = Math.max(Math.log10(hosts.at(-1)!) - from, 1e-9);
  const x = (count: number) => round(left + (Math.log10(count) - from) / span * (right - left));
  const y = (value: number) => round(lower - value / highest * (lower - upper));
  const parts = [`<text x="${left}" y="${top + 24}" font-size="15" font-weight="bold">${title}</text>`];
  for (let line = 0; line <= gridLines; line++) {
    const value = highest * line / gridLines;
    parts.push(
      `<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`,
      `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value} ${unit}</text>`,
    );
  }
  for (const count of hosts) {
    parts.push(
      `<line x1="${x(count)}" x2="${x(count)}" y1="${lower}" y2="${lower + 5}" stroke="#555"/>`,
      `<text x="${x(count)}" y="${lower + 20}" text-anchor="middle">${count.toLocaleString("en-US")}</text>`,
    );
  }
  parts.push(
    `<text x="${(left + right) / 2}" y="${lower + 38}" text-anchor="middle">hosts in one client</text>`,
  );
  for (const { label, color, points } of series) {
    const line = points.map((point) => `${x(point.hosts)},${y(point.value)}`).join(" ");
    const last = points.at(-1)!;
    parts.push(
      `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map((point) =>
        `<circle cx="${x(point.hosts)}" cy="${y(point.value)}" r="3.5" fill="${color}"/>`
      ),
      `<text x="${right + 10}" y="${y(last.value) + 4}" fill="${color}">${label}</text>`,
    );
  }
  return parts.join("\n");
}

/** The next of 1, 1.2, 1.6, 2, 4, 5, 8 times a power of ten: each divides into four round steps. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.2, 1.6, 2, 4, 5, 8, 10].find((step) => step * power >= value)!;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

if (import.meta.main) {
  const text = await Deno.readTextFile(new URL("../build/bench/fleet.txt", import.meta.url));
  const cases = readCases(text, "cost");
  if (!cases.some(({ hosts }) => hosts === 10_000)) {
    console.error("draw the plot: build/bench/fleet.txt is not of a whole run; run deno task bench fleet");
    Deno.exit(1);
  }
  const svg = plot([
    {
      title: "Processor time of the client for one command on one host",
      unit: "µs",
      series: [
        { label: "100 at once", color: "#1f5fa8", points: pointsOf(cases, "cpu_us_per_host", lowest) },
      ],
    },
    {
      title: "Memory of one host",
      unit: "KB",
      series: [
        {
          label: "live, idle, connected",
          color: "#1f5fa8",
          points: pointsOf(cases, "live_kb_per_host", median),
        },
        {
          label: "peak of the process",
          color: "#b3541e",
          // Among fewer, it is the young generation of the heap that grew or did not.
          points: pointsOf(cases, "rss_kb_per_host", median).filter(({ hosts }) => hosts >= 1_000),
        },
      ],
    },
  ]);
  await Deno.writeTextFile(new URL("fleet_cost.svg", import.meta.url), svg);
}
