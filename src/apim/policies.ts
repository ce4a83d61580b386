import { type Place, PolicyImportError } from '../import/errors.ts';
import { Attributes } from './attributes.ts';
import { quotaByKey, quotaBySubscription, rateLimit, rateLimitByKey } from './call-limits.ts';
import type { PolicyElement } from './document.ts';
import type { Draft } from './draft.ts';
import type { Syntax } from './expression/syntax.ts';
import type { ApimOptions } from './options.ts';
import { TOKEN_LIMIT, tokenLimit } from './token-limit.ts';

type VariableMap = Map<string, () => Syntax>;

/** Where a policy stands. */
interface Surroundings {
  readonly options: ApimOptions;
  /** What is set so far; grows. */
  readonly variables: VariableMap;
  /** Conditions that all must hold. They are read where a limit needs them. */
  readonly guards: readonly (() => Syntax)[];
  /** Undefined where limits may stand. */
  readonly section: string | undefined;
}

type ReadLimits = (element: PolicyElement, surroundings: Surroundings) => readonly Omit<Draft, 'place'>[];

const readTokenLimit: ReadLimits = (element, { variables }) =>
  tokenLimit(new Attributes(element, TOKEN_LIMIT, variables));

const LIMITS: ReadonlyMap<string, ReadLimits> = new Map<string, ReadLimits>([
  ['azure-openai-token-limit', readTokenLimit],
  ['llm-token-limit', readTokenLimit],
  ['rate-limit-by-key', (element, { variables }) => rateLimitByKey(element, variables)],
  ['quota-by-key', (element, { variables }) => quotaByKey(element, variables)],
  ['rate-limit', (element, { variables, options }) => rateLimit(element, variables, options)],
  ['quota', (element, { variables, options }) => quotaBySubscription(element, variables, options)],
]);

/** Policies with limits of single APIs and operations in them. */
const HAS_PARTS = ['rate-limit', 'quota'];

/** They look on: neither what is limited nor what is sent depends on them. */
const OBSERVERS = [
  'base',
  'emit-metric',
  'azure-openai-emit-token-metric',
  'llm-emit-token-metric',
  'log-to-eventhub',
  'trace',
];

const SECTIONS = ['inbound', 'backend', 'outbound', 'on-error'];

/** Every limit of a document, of single sections or of single policies. @throws PolicyImportError */
export function draftsOf(elements: readonly PolicyElement[], options: ApimOptions): readonly Draft[] {
  const surroundings: Surroundings = { options, variables: new Map(), guards: [], section: undefined };
  return elements.flatMap((element) => {
    const { name, children } = element;
    if (name === 'policies') return children.flatMap((section) => sectionDrafts(section, surroundings));
    if (SECTIONS.includes(name)) return sectionDrafts(element, surroundings);
    if (name === 'fragment') return contentDrafts(element, surroundings);
    return elementDrafts(element, surroundings);
  });
}

function sectionDrafts(element: PolicyElement, surroundings: Surroundings): readonly Draft[] {
  if (!SECTIONS.includes(element.name)) throw notHonoured(element);
  const section = element.name === 'inbound' ? undefined : element.name;
  return contentDrafts(element, { ...surroundings, section });
}

function contentDrafts(element: PolicyElement, surroundings: Surroundings): readonly Draft[] {
  if (element.text !== '')
    throw new PolicyImportError(element.place, 'expected only elements in it, got a text');
  return element.children.flatMap((child) => elementDrafts(child, surroundings));
}

function elementDrafts(element: PolicyElement, surroundings: Surroundings): readonly Draft[] {
  const { name } = element;
  if (surroundings.options.ignore?.includes(name) === true || OBSERVERS.includes(name)) return [];
  if (name === 'choose') return chooseDrafts(element, surroundings);
  if (name === 'set-variable') return setVariable(element, surroundings);
  const read = LIMITS.get(name);
  if (read !== undefined) return limitDrafts(element, read, surroundings);
  // What every gateway does with a call that none of its policies says more about.
  if (name === 'forward-request' && element.attributes.size === 0) return [];
  throw notHonoured(element);
}

function notHonoured({ place, name }: PolicyElement): PolicyImportError {
  return new PolicyImportError(
    place,
    `<${name}> cannot be honoured; to pass over it, name it in the option ignore`,
  );
}

function limitDrafts(element: PolicyElement, read: ReadLimits, surroundings: Surroundings): readonly Draft[] {
  const { section, guards, variables } = surroundings;
  const { place, children, text } = element;
  if (section !== undefined)
    throw new PolicyImportError(place, `a limit in <${section}>, where it would count after the call`);
  if (text !== '' || (children.length > 0 && !HAS_PARTS.includes(element.name)))
    throw new PolicyImportError(children[0]?.place ?? place, 'nothing is expected in this element');
  const parts = read(element, surroundings);
  const when = guards.length === 0 ? undefined : guards.map((guard) => guard()).reduce(both);
  for (const [name, value] of element.attributes) {
    if (name.endsWith('-variable-name'))
      variables.set(
        value.text,
        unknown(value.placeAt(0), 'the variable is read, and known to the gateway alone'),
      );
  }
  return parts.map((part) => ({ ...part, place, when }));
}

function unknown(place: Place, what: string): () => Syntax {
  return () => {
    throw new PolicyImportError(place, what);
  };
}

function both(left: Syntax, right: Syntax): Syntax {
  return { kind: 'binary', sign: '&&', left, right, place: left.place };
}

function setVariable(element: PolicyElement, { variables }: Surroundings): readonly Draft[] {
  // What a variable stands for is read where a limit needs it; it may stand for its own last value.
  const attributes = new Attributes(element, ['name', 'value'], new Map(variables));
  const name = attributes.text('name');
  if (name === undefined) throw attributes.missing('name');
  variables.set(name, () => {
    const value = attributes.syntax('value');
    if (value === undefined) throw attributes.missing('value');
    return value;
  });
  return [];
}

/** One `when` or `otherwise`, and the variables as they are behind it. */
interface Branch {
  readonly condition: (() => Syntax) | undefined;
  readonly variables: VariableMap;
}

function chooseDrafts(element: PolicyElement, surroundings: Surroundings): readonly Draft[] {
  const { variables, guards } = surroundings;
  const drafts: Draft[] = [];
  const branches: Branch[] = [];
  for (const [i, child] of element.children.entries()) {
    const isLast = i === element.children.length - 1;
    if (child.name !== 'when' && !(child.name === 'otherwise' && i > 0 && isLast))
      throw new PolicyImportError(
        child.place,
        'expected <when> elements here, and an <otherwise> behind them',
      );
    const condition = child.name === 'when' ? conditionOf(child, variables) : undefined;
    const earlier = branches.map((branch) => negated(branch.condition));
    const own = condition === undefined ? earlier : [...earlier, condition];
    const branch: Branch = { condition, variables: new Map(variables) };
    drafts.push(
      ...contentDrafts(child, { ...surroundings, variables: branch.variables, guards: [...guards, ...own] }),
    );
    branches.push(branch);
  }
  if (branches.length === 0) throw new PolicyImportError(element.place, 'expected a <when> in it');
  mergeVariables(variables, branches);
  return drafts;
}

function conditionOf(element: PolicyElement, variables: VariableMap): () => Syntax {
  const attributes = new Attributes(element, ['condition'], new Map(variables));
  if (!attributes.has('condition')) throw attributes.missing('condition');
  return () => attributes.condition('condition') as Syntax;
}

function negated(condition: Branch['condition']): () => Syntax {
  return () => {
    const operand = (condition as () => Syntax)();
    return { kind: 'unary', sign: '!', operand, place: operand.place };
  };
}

/** Behind a `choose`, a variable is what the branch made it that was taken. */
function mergeVariables(variables: VariableMap, branches: readonly Branch[]): void {
  const before = new Map(variables);
  for (const name of new Set(branches.flatMap((branch) => [...branch.variables.keys()]))) {
    if (branches.every((branch) => branch.variables.get(name) === before.get(name))) continue;
    variables.set(name, () => branches.reduceRight(valueBehind(name), before.get(name)?.()) ?? UNSET);
  }
}

function valueBehind(name: string) {
  return (behind: Syntax | undefined, { condition, variables }: Branch): Syntax => {
    const yes = variables.get(name)?.() ?? UNSET;
    if (condition === undefined) return yes;
    const test = condition();
    return { kind: 'choice', test, yes, no: behind ?? UNSET, place: test.place };
  };
}

const UNSET: Syntax = { kind: 'literal', value: null, place: { line: 1, column: 1, element: 'choose' } };
