// A page of documentation as a script: its ```console blocks hold commands ("$ ...", continued by a
// backslash) and what they print.
import { readFileSync } from 'node:fs';

/** [{command, output, line}] in order. */
export function consoleOf(file) {
  const steps = [];
  let inside = false;
  let more = false;
  readFileSync(file, 'utf8').split('\n').forEach((text, i) => {
    if (/^```/.test(text)) {
      inside = text === '```console';
      more = false;
    } else if (inside && (more || text.startsWith('$ '))) {
      if (more) steps.at(-1).command += `\n${text}`;
      else steps.push({ command: text.slice(2), output: '', line: i + 1 });
      more = text.endsWith('\\');
    } else if (inside && steps.length) {
      steps.at(-1).output += `${text}\n`;
    }
  });
  return steps;
}

// What differs from run to run.
const CHANGING = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, 'UUID'],
  [/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, 'DATE'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)/g, 'TIME'],
  [/\((in \d+ \w+|\d+ \w+ ago|now)\)/g, '(WHEN)'],
  [/\b1[0-9]{9}\b/g, 'SECONDS'],
  [/\b\d+ (s|min|h|d) (ago|left)/g, 'N UNITS $2'],
  [/\b\d\d:\d\d:\d\d\b/g, 'CLOCK'],
  [/[\w-]{43}(?![\w-])/g, 'THUMBPRINT'],
  [/\r/g, ''], // curl -i shows line ends of HTTP
  [/ +/g, ' '],
];

/** Text with everything that changes by itself replaced by its name. */
export const settled = (text) => CHANGING.reduce((t, [what, name]) => t.replace(what, name), text).replace(/[ \n]+$/, '');
