import { type Place, PolicyImportError } from '../import/errors.ts';
import { Attributes } from './attributes.ts';
import type { PolicyElement } from './document.ts';
import type { Draft } from './draft.ts';
import type { Syntax } from './expression/syntax.ts';
import type { Variables } from './expression/variables.ts';
import { type ApimOptions, endpointsOf } from './options.ts';

const RATE_HEADERS = [
  'retry-after-header-name',
  'retry-after-variable-name',
  'remaining-calls-header-name',
  'remaining-calls-variable-name',
  'total-calls-header-name',
];
const COUNTING = ['counter-key', 'increment-condition', 'increment-count'];

/** The start of the first period of a quota that names none. */
const FIRST_PERIOD = '0001-01-01T00:00:00Z';

/** The most seconds of a rate, and the least of a quota that ends, as the gateway takes them. */
const LONGEST_RATE = 300;
const SHORTEST_QUOTA = 300;

type Part = Omit<Draft, 'place'>;

/** `rate-limit-by-key`: a token bucket of calls. */
export function rateLimitByKey(element: PolicyElement, variables: Variables): readonly Part[] {
  const attributes = new Attributes(
    element,
    ['calls', 'renewal-period', ...COUNTING, ...RATE_HEADERS],
    variables,
  );
  return [{ ...rate(attributes), ...counting(attributes) }];
}

/** `quota-by-key`: calls in fixed windows. */
export function quotaByKey(element: PolicyElement, variables: Variables): readonly Part[] {
  const known = ['calls', 'bandwidth', 'renewal-period', 'first-period-start', ...COUNTING];
  const attributes = new Attributes(element, known, variables);
  return [{ ...quota(attributes, momentOf(attributes, 'first-period-start')), ...counting(attributes) }];
}

/** `rate-limit`: for each subscription; parts of it for an API and its operations. */
export function rateLimit(
  element: PolicyElement,
  variables: Variables,
  options: ApimOptions,
): readonly Part[] {
  const read = (part: PolicyElement, named: readonly string[]) =>
    rate(new Attributes(part, ['calls', 'renewal-period', ...RATE_HEADERS, ...named], variables));
  return bySubscription(element, options, read);
}

/** `quota`: for each subscription; parts of it for an API and its operations. */
export function quotaBySubscription(
  element: PolicyElement,
  variables: Variables,
  options: ApimOptions,
): readonly Part[] {
  const read = (part: PolicyElement, named: readonly string[]) => {
    const known = ['calls', 'bandwidth', 'renewal-period', ...named];
    return quota(new Attributes(part, known, variables), options.quotaStartsAt ?? FIRST_PERIOD);
  };
  return bySubscription(element, options, read);
}

type Counted = Omit<Part, 'key'>;

function rate(attributes: Attributes): Counted {
  const seconds = attributes.requiredNumber('renewal-period', 1, LONGEST_RATE);
  const headers = {
    remaining: attributes.header('remaining-calls-header-name'),
    max: attributes.header('total-calls-header-name'),
    retryAfter: attributes.header('retry-after-header-name'),
  };
  const max = attributes.requiredNumber('calls', 1);
  return { unit: 'requests', max, per: { seconds }, window: 'rolling', headers, countIf: ALWAYS };
}

function quota(attributes: Attributes, startsAt: Date | string | number | undefined): Counted {
  if (attributes.has('bandwidth'))
    throw attributes.error('bandwidth', 'kilobytes cannot be limited, only calls and tokens');
  const seconds = attributes.requiredNumber('renewal-period', 0);
  if (seconds > 0 && seconds < SHORTEST_QUOTA)
    throw attributes.error(
      'renewal-period',
      `expected 0 or ${SHORTEST_QUOTA} seconds or more, got ${seconds}`,
    );
  const max = attributes.requiredNumber('calls', 1);
  const base = { unit: 'requests', max, window: 'fixed', headers: {}, countIf: ALWAYS } as const;
  return seconds === 0 ? { ...base, per: 'forever' } : { ...base, per: { seconds }, startsAt };
}

/** The gateway counts a call when it comes, so one that fails counts, too. */
const ALWAYS: Syntax = {
  kind: 'literal',
  value: true,
  place: { line: 1, column: 1, element: 'increment-condition' },
};

function counting(attributes: Attributes): Pick<Part, 'key' | 'count' | 'countIf'> {
  return {
    key: attributes.key('counter-key'),
    count: attributes.count('increment-count'),
    countIf: attributes.condition('increment-condition') ?? ALWAYS,
  };
}

function momentOf(attributes: Attributes, name: string): string {
  const text = attributes.text(name) ?? FIRST_PERIOD;
  if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw attributes.error(name, 'expected a moment such as 2026-01-31T00:00:00Z');
}

/** The limit of a product, of the API that the client calls, and of its operations: each counts on its own. */
function bySubscription(
  element: PolicyElement,
  options: ApimOptions,
  read: (part: PolicyElement, named: readonly string[]) => Counted,
): readonly Part[] {
  const key = subscriptionId(element.place);
  const parts: Part[] = [{ ...read(element, []), key }];
  for (const api of element.children) {
    expectChild(api, 'api');
    if (!isThisApi(api, options)) continue;
    const isLimited = [...api.attributes.keys()].some((name) => !NAMED.includes(name));
    if (isLimited) parts.push({ ...read(api, NAMED), key });
    for (const operation of api.children) {
      expectChild(operation, 'operation');
      parts.push({
        ...read(operation, NAMED),
        key,
        endpoints: endpointsOf(nameOf(operation), operation.place),
      });
    }
  }
  return parts;
}

const NAMED = ['name', 'id'];

/** `context.Subscription.Id` */
function subscriptionId(place: Place): Syntax {
  const steps = ['Subscription', 'Id'].map(
    (name) => ({ kind: 'member', name, optional: false, place }) as const,
  );
  return { kind: 'chain', head: { kind: 'name', name: 'context', place }, steps, place };
}

function expectChild(element: PolicyElement, name: string): void {
  if (element.name !== name)
    throw new PolicyImportError(element.place, `expected only <${name}> elements here`);
}

/** Its id, or its name if it has none. */
function nameOf(element: PolicyElement): string {
  const named = element.attributes.get('id') ?? element.attributes.get('name');
  if (named === undefined) throw new PolicyImportError(element.place, 'the attribute id or name is missing');
  return named.text;
}

function isThisApi(element: PolicyElement, { api }: ApimOptions): boolean {
  if (api !== undefined) return nameOf(element) === api;
  throw new PolicyImportError(
    element.place,
    'a limit of one API: name the API that the client calls by the option api',
  );
}
