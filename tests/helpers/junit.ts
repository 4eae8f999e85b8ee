/**
 * The little that the runner needs of JUnit's report format.
 * @module
 */

/** Counts of test cases. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts the cases of a report as `deno test --junit-path` writes it (texts inside are escaped). */
export function countCases(report: string): Counts {
  let passed = 0, failed = 0, skipped = 0;
  for (const testcase of report.split("<testcase ").slice(1)) {
    if (/<(?:failure|error)\b/.test(testcase)) failed++;
    else if (/<skipped\b/.test(testcase)) skipped++;
    else passed++;
  }
  return { passed, failed, skipped };
}

/** A report of one failed case, for what goes wrong around the tests: a suite that hung, or that is missing. */
export function failureReport(suite: string, problem: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="1" failures="1">
  <testsuite name="${escape(suite)}" tests="1" failures="1">
    <testcase name="the suite as a whole" classname="${escape(suite)}"><failure message="${
    escape(problem)
  }"/></testcase>
  </testsuite>
</testsuites>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, "?");
}
