import Table from 'cli-table3';
import { bundleWorker, type Chunk } from './build.ts';

/** Prints how large a Worker with a governed client is: what is loaded with it, and what when it is needed. */

const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(1)} kB`;

const bundle = await bundleWorker('dist', 'bundle');
const ours = await bundleWorker('dist', 'external');
const total = (chunks: readonly Chunk[], size: 'bytes' | 'gzip') =>
  chunks.reduce((sum, one) => sum + one[size], 0);
const main = bundle.chunks.filter((chunk) => chunk.main);

const sizes = new Table({
  head: ['chunk', 'loaded', 'minified', 'gzip'],
  colAligns: ['left', 'left', 'right', 'right'],
  style: { head: [], border: [] },
});
sizes.push(['worker', 'at the start', kilobytes(total(main, 'bytes')), kilobytes(total(main, 'gzip'))]);
// Alone, because a part of a compressed file has no size of its own.
sizes.push([
  '  of it governed-openai',
  '',
  kilobytes(total(ours.chunks, 'bytes')),
  kilobytes(total(ours.chunks, 'gzip')),
]);
const parts = new Map<string, number>();
for (const { packages } of main) {
  for (const [name, bytes] of packages) if (name !== '') parts.set(name, (parts.get(name) ?? 0) + bytes);
}
for (const [name, bytes] of [...parts].sort(([, a], [, b]) => b - a)) {
  sizes.push([`  of it ${name}`, '', kilobytes(bytes), '']);
}
for (const { name, main, bytes, gzip, packages } of bundle.chunks) {
  const [largest] = [...packages].sort(([, a], [, b]) => b - a)[0] ?? [''];
  const title = `${largest}: ${name.replace(/-\w{8}(?=\.js$)/, '')}`;
  if (!main) sizes.push([title, 'when needed', kilobytes(bytes), kilobytes(gzip)]);
}
process.stdout.write(`${sizes.toString()}\n`);
