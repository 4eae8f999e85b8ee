/** Prints the figures of the `fleet` suite. @module */

/** One `BENCH` line. */
export function report(name: string, impl: string, figures: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(figures).map(([key, value]) =>
    `${key}=${typeof value === "string" ? value : show(value)}`
  );
  console.log(`BENCH suite=fleet case=${name} impl=${impl} ${parts.join(" ")}`);
}

function show(value: number): string {
  if (Number.isInteger(value)) return `${value}`;
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
