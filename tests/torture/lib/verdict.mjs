// The two verdicts, from what the clients wrote down and what the workloads' ledger has: *nobody let in*
// and *nothing lost*. Nothing here looks at a gateway; verdict.test.mjs feeds it violations of each kind.

const line = (entry) => `${entry.method} ${entry.host}${entry.target} at ${entry.service}:${entry.port}, try ${entry.try}`;
const ask = (record) => `${record.id} (${record.lane}, ${record.method} ${record.host}${record.target})`;
const end = (record) => [record.how, record.status, record.why, record.text].filter((part) => part !== undefined).join(' ');
const MAY_PASS = ['may pass', 'public'];
const passed = (record) => record.how === 'answered' && record.status >= 200 && record.status < 300;

/** Was this request, or an answer, at somebody's who has no right to it? */
function letIn(record, entries) {
  const problems = entries
    .filter((entry) => entry.service !== record.service || entry.target !== record.arrives || entry.method !== record.method || entry.host !== record.hostThere)
    .map((entry) => `not as it was judged: ${ask(record)} as ${line(entry)}`);
  if (record.class === 'must be refused') {
    problems.push(...entries.map((entry) => `at the workload: ${ask(record)} as ${line(entry)}`));
    if (passed(record)) problems.push(`answered as if it had a right: ${ask(record)} -> ${end(record)}`);
  } else if (record.how === 'answered' && record.statuses.includes(record.status) && entries.length > 0) {
    problems.push(`refused, and yet at the workload: ${ask(record)} -> ${end(record)}`);
  }
  if (record.own !== undefined && record.own.startsWith('of ')) problems.push(`another's answer: ${ask(record)} got the one ${record.own}`);
  return problems;
}

/** What does harm a second time is sent once, whatever became of it. */
function sentAgain(record, entries) {
  const again = !record.idempotent && entries.length > new Set(entries.map((entry) => entry.try)).size;
  return again ? [`sent again though it must not be: ${ask(record)}, ${entries.map(line).join('; ')}`] : [];
}

/** A gateway may send a request a second time only where the first one was broken off; no answer that a
 * client has may come of less than one whole exchange. */
function missing(record, entries) {
  const living = entries.filter((entry) => !entry.dead);
  const problems = [];
  if (living.length !== 1) problems.push(`${living.length} times at the workload: ${ask(record)} -> ${end(record)}`);
  if (living.some((entry) => !entry.sent)) problems.push(`its body did not arrive as it was sent: ${ask(record)}`);
  if (record.own !== 'own') problems.push(`the answer's body is ${record.own}: ${ask(record)}, ${record.wants} bytes wanted`);
  return problems;
}

/** Has this request its one whole answer? */
function lost(record, entries) {
  const stale = entries.filter((entry) => record.stale.includes(entry.try));
  const taken = stale.map((entry) => `closed without an answer, but taken: ${ask(record)} as ${line(entry)}`);
  if (record.away) return entries.length === 0 ? [] : [`turned away, but taken: ${ask(record)} as ${entries.map(line).join('; ')}`];
  if (record.excused) return passed(record) && record.own !== 'own' ? missing(record, entries) : [];
  if (record.how !== 'answered') return [...taken, `no whole answer: ${ask(record)} -> ${end(record)}`];
  if (passed(record)) return [...taken, ...(record.class === 'must be refused' ? [] : missing(record, entries))];
  const expected = MAY_PASS.includes(record.class) ? false : record.statuses.includes(record.status);
  return expected ? taken : [...taken, `the wrong answer: ${ask(record)} -> ${end(record)}`];
}

function percentile(sorted, share) {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The longest time in which nobody of a crowd was let in, from the first who was until they were told to
 * go: {ms, at}. */
export function worstGap({ records, until }) {
  const answers = records.filter((record) => MAY_PASS.includes(record.class) && passed(record) && record.ended < until).map((record) => record.ended);
  const sorted = answers.sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((at, i) => ({ ms: at - sorted[i], at }));
  return gaps.reduce((worst, gap) => (gap.ms > worst.ms ? gap : worst), { ms: 0, at: 0 });
}

/**
 * {letIn: [text], lost: [text], figures}. Both lists empty: both verdicts hold.
 *
 *   records  clients.mjs; several clients' together
 *   entries  the ledger, workload.mjs
 *   strays   what came on connections on which nothing was asked
 */
export function verdict({ records, entries, strays = [] }) {
  const byId = new Map(records.map((record) => [record.id, []]));
  const letInTexts = [];
  for (const entry of entries) {
    if (byId.has(entry.id)) byId.get(entry.id).push(entry);
    else letInTexts.push(`nobody sent ${entry.id}: ${line(entry)}`);
  }
  const lostTexts = strays.map((text) => `an answer that nobody asked for: ${text}`);
  for (const record of records) {
    letInTexts.push(...letIn(record, byId.get(record.id)));
    lostTexts.push(...sentAgain(record, byId.get(record.id)), ...lost(record, byId.get(record.id)));
  }
  if (byId.size !== records.length) lostTexts.push('two requests of one id: the harness is wrong');

  const count = (fits) => records.filter(fits).length;
  const times = records.filter(passed).map((record) => record.took).sort((a, b) => a - b);
  const of = (class_) => count((record) => record.class === class_);
  return {
    letIn: letInTexts,
    lost: lostTexts,
    figures: {
      requests: records.length,
      'may pass': of('may pass'), public: of('public'), 'must be refused': of('must be refused'), turning: of('turning'),
      passed: count(passed),
      refused: count((record) => record.how === 'answered' && !passed(record)),
      retried: count((record) => record.stale.length > 0),
      away: count((record) => record.away),
      cut: count((record) => record.excused !== undefined && !passed(record) && !(record.how === 'answered' && record.statuses.includes(record.status))),
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
    },
  };
}
