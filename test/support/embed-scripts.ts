import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';

const FOLDER = resolve(import.meta.dirname, '../../src/stores');

/** Where the scripts of the stores are at run time: as strings, since bundlers do not carry files along. */
export const EMBEDDED = join(FOLDER, 'scripts.ts');

const HEADER = '// Generated from the files beside it by `npm run embed`; do not edit.';

/** The module of all scripts, as the formatter leaves it; of Lua scripts also the SHA-1 by which Redis knows them. */
export function embedScripts(): string {
  const constants: string[] = [];
  for (const file of readdirSync(FOLDER).sort()) {
    const language = extname(file).slice(1);
    if (language !== 'lua' && language !== 'sql') continue;
    const name = basename(file, `.${language}`) + (language === 'lua' ? 'Lua' : 'Sql');
    const text = readFileSync(join(FOLDER, file), 'utf8');
    constants.push(`export const ${name} =\n  ${literal(text)};`);
    if (language === 'lua') {
      const sha1 = createHash('sha1').update(text).digest('hex');
      constants.push(`export const ${name}Sha1 = '${sha1}';`);
    }
  }
  return `${[HEADER, ...constants].join('\n\n')}\n`;
}

/** In single quotes, unless double ones need fewer escapes. */
function literal(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1);
  const count = (quote: string) => text.split(quote).length;
  if (count("'") > count('"')) return `"${escaped}"`;
  return `'${escaped.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

if (import.meta.main) writeFileSync(EMBEDDED, embedScripts());
