// What a request carries and what its answer must be: both follow from its id, so that a byte of
// another's can't pass for its own.

/** The body of n bytes that belongs to an id. */
export function contentOf(id, n) {
  const line = Buffer.from(`${id};`);
  const out = Buffer.alloc(n);
  for (let at = 0; at < n; at += line.length) line.copy(out, at);
  return out;
}

/** What `bytes` are to the request `id` that expects n of them: own, other's, or neither. */
export function ownership(id, n, bytes) {
  if (bytes.equals(contentOf(id, n))) return 'own';
  const [begin] = bytes.toString('latin1', 0, 200).split(';');
  return begin !== id && /^[\w-]+\.\d+-\d+$/.test(begin) ? `of ${begin}` : 'spoiled';
}
