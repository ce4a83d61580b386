import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Row } from './rows.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SMOKE = join(import.meta.dirname, 'smoke');

export type Libraries = Pick<Row, 'openai' | 'keyv'>;

/** A runtime: the program, and what comes before the file to run. */
export interface Runtime {
  readonly program: string;
  readonly args: readonly string[];
  readonly version: string;
}

/** Temporary folders with everything a row needs, each made once, by npm. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'governed-matrix-'));
  readonly #made = new Map<string, unknown>();

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A copy of the source and its tests, with all of its packages but those versions of the libraries; built. */
  tree({ openai, keyv }: Libraries): string {
    return this.#once(`tree-openai-${openai}-keyv-${keyv}`, (folder) => {
      copySource(folder);
      // Other packages ask for other versions; what they ask for, they get nested.
      npm(folder, 'install', `openai@${openai}`, `keyv@${keyv}`, '--force', '--ignore-scripts');
      npm(folder, 'run', 'build');
      return folder;
    });
  }

  /** An app that has installed the packed package, those versions of the libraries, and the smoke programs. */
  app({ openai, keyv }: Libraries): string {
    const tarball = this.#tarball();
    return this.#once(`app-openai-${openai}-keyv-${keyv}`, (folder) => {
      writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
      // Not `--force`: the package must be content with the versions.
      npm(folder, 'install', tarball, `openai@${openai}`, `keyv@${keyv}`, '@types/node', '--ignore-scripts');
      for (const file of ['checks.mjs', 'import.mjs', 'require.cjs'])
        copyFileSync(join(SMOKE, file), join(folder, file));
      return folder;
    });
  }

  runtime(wanted: string): Runtime {
    return this.#once(`runtime-${wanted}`, (folder) => {
      const name = wanted.slice(0, wanted.indexOf('@'));
      // The installer of these brings the program for this machine.
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ private: true, allowScripts: { [name]: true } }),
      );
      npm(folder, 'install', wanted);
      const program = join(folder, 'node_modules/.bin', name);
      const version = /\d+\.\d+\.\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }));
      const args = name === 'deno' ? ['run', '--allow-all'] : [];
      return { program, args, version: `${name} ${version?.[0] ?? '?'}` };
    });
  }

  /** The package as it is published: built with the packages of this repository. */
  #tarball(): string {
    return this.#once('source', (folder) => {
      copySource(folder);
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      npm(folder, 'run', 'build');
      const packed = JSON.parse(npm(folder, 'pack', '--json', '--ignore-scripts')) as object;
      const [first] = Object.values(packed) as { filename: string }[];
      if (first === undefined) throw new Error('npm pack made no tarball');
      return join(folder, first.filename);
    });
  }

  #once<T>(name: string, make: (folder: string) => T): T {
    const known = this.#made.get(name);
    if (known !== undefined) return known as T;
    const folder = join(this.folder, name);
    mkdirSync(folder);
    const made = make(folder);
    this.#made.set(name, made);
    return made;
  }
}

/** The version of a package as installed in a folder. */
export function versionIn(folder: string, name: string): string {
  const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** What belongs to the repository, as it is on the disk now. */
function copySource(folder: string): void {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  for (const file of files) {
    const from = join(ROOT, file);
    if (file === '' || !existsSync(from)) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(from, join(folder, file));
  }
}

/** Five minutes at most: a download may stall. @throws Error with what npm said */
function npm(folder: string, ...args: string[]): string {
  const quiet =
    args[0] === 'install' ? ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'] : [];
  try {
    return execFileSync('npm', [...args, ...quiet], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
    });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? `${String(error.stderr)}` : '';
    throw new Error(`npm ${args.join(' ')} failed: ${said.trim().slice(-2_000)}`, { cause: error });
  }
}
