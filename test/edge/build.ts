import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
const ENTRY = join(import.meta.dirname, 'worker.ts');

/** A file of the bundle. */
export interface Chunk {
  /** Name of the file. */
  readonly name: string;
  readonly text: string;
  /** Loaded with the Worker; the others are loaded when they are needed. */
  readonly main: boolean;
  readonly bytes: number;
  readonly gzip: number;
  /** Minified bytes by the package that they come from; '' for our own. */
  readonly packages: ReadonlyMap<string, number>;
}

export interface Bundle {
  readonly chunks: readonly Chunk[];
  /** What is imported but not in the bundle. */
  readonly external: readonly string[];
}

/**
 * Bundles the Worker as its tools do: for no platform, in modules, with what is loaded by `import()` in chunks of its own.
 * Fails if anything imports a module of Node.
 *
 * @param from the sources of this package, or what is built of them
 * @param packages 'external' leaves all other packages out
 */
export async function bundleWorker(from: 'src' | 'dist', packages: 'bundle' | 'external'): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [ENTRY],
    absWorkingDir: ROOT,
    alias: { 'governed-openai': join(ROOT, from, from === 'src' ? 'index.ts' : 'index.js') },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    target: 'es2022',
    outdir: join(ROOT, 'dist-worker'),
    write: false,
    metafile: true,
    logLevel: 'silent',
    // The alias is resolved before; what it leads to is no package.
    packages,
  });
  const chunks = outputFiles.map(({ path, text, contents }) => {
    const output = Object.entries(metafile.outputs).find(([name]) => resolve(ROOT, name) === path)?.[1];
    if (output === undefined) throw new Error(`esbuild tells nothing of ${path}`);
    return {
      name: path.slice(path.lastIndexOf('/') + 1),
      text,
      main: isMain(metafile, output),
      bytes: contents.length,
      gzip: gzipSync(contents, { level: 9 }).length,
      packages: packagesOf(output),
    };
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return { chunks, external: imports.filter((one) => one.external).map(({ path }) => path) };
}

type Output = Metafile['outputs'][string];

/** The entry, and what it imports at once. */
function isMain({ outputs }: Metafile, output: Output): boolean {
  const main = new Set<Output>();
  const add = (one: Output | undefined) => {
    if (one === undefined || main.has(one)) return;
    main.add(one);
    for (const { path, kind } of one.imports) if (kind === 'import-statement') add(outputs[path]);
  };
  add(Object.values(outputs).find(({ entryPoint }) => entryPoint?.endsWith('worker.ts')));
  return main.has(output);
}

function packagesOf({ inputs }: Output): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? '';
    sizes.set(name, (sizes.get(name) ?? 0) + bytesInOutput);
  }
  return sizes;
}
