import { type Place, PolicyImportError } from '../../import/errors.ts';
import type { Call, Outcome } from '../../limits/call.ts';
import type { Step } from './syntax.ts';
import type { Value } from './values.ts';

/** What an expression is evaluated over. */
export interface Scope {
  readonly call?: Call | undefined;
  readonly outcome?: Outcome | undefined;
}

/** What an expression may read: the call before it is sent, how it ended, or nothing. */
export type Reads = 'call' | 'outcome' | 'nothing';

/** A member of `context`, and the steps after those that name it. */
export interface ContextValue {
  readonly reads: Reads;
  read(scope: Scope): Value;
  readonly rest: readonly Step[];
}

/** What the gateway knows of who calls: attributes of our caller. Those alone tell whether there is one. */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['Subscription', 'subscriptionId'],
  ['Subscription.Id', 'subscriptionId'],
  ['Subscription.Name', 'subscriptionName'],
  ['Subscription.Key', 'subscriptionKey'],
  ['User', 'userId'],
  ['User.Id', 'userId'],
  ['User.Email', 'userEmail'],
  ['Product', 'productId'],
  ['Product.Id', 'productId'],
  ['Product.Name', 'productName'],
  ['Api.Id', 'apiId'],
  ['Api.Name', 'apiName'],
  ['Request.IpAddress', 'ipAddress'],
]);

/**
 * The value of `context` and the steps behind it.
 *
 * @param textAt the text that an argument or index is, if it is a literal
 * @throws PolicyImportError for what is not known of a call
 */
export function contextValue(
  steps: readonly Step[],
  place: Place,
  argument: (step: Step, index: number) => string | undefined,
): ContextValue {
  const path = memberPath(steps);
  for (let length = path.length; length > 0; length--) {
    const name = path.slice(0, length).join('.');
    const attribute = ATTRIBUTES.get(name);
    if (attribute !== undefined) return ofCall(steps.slice(length), (call) => attributeOf(call, attribute));
    const member = MEMBERS.get(name);
    if (member !== undefined) return member(steps.slice(length), steps[length - 1]?.place ?? place, argument);
  }
  const name = ['context', ...path].join('.');
  throw new PolicyImportError(place, `${name} is not known of a call`);
}

function memberPath(steps: readonly Step[]): readonly string[] {
  const end = steps.findIndex(({ kind }) => kind !== 'member');
  const members = end === -1 ? steps : steps.slice(0, end);
  return members.map((step) => (step.kind === 'member' ? step.name : ''));
}

function ofCall(rest: readonly Step[], read: (call: Call) => Value): ContextValue {
  return { reads: 'call', rest, read: ({ call }) => (call === undefined ? undefined : read(call)) };
}

/** Names of attributes are compared as those of headers are. */
function attributeOf({ caller: { attributes = {} } }: Call, name: string): string | undefined {
  if (Object.hasOwn(attributes, name)) return attributes[name];
  const lower = name.toLowerCase();
  return Object.entries(attributes).find(([key]) => key.toLowerCase() === lower)?.[1];
}

type Member = (
  rest: readonly Step[],
  place: Place,
  argument: (step: Step, index: number) => string | undefined,
) => ContextValue;

const MEMBERS: ReadonlyMap<string, Member> = new Map<string, Member>([
  ['Response.StatusCode', (rest) => ({ reads: 'outcome', rest, read: ({ outcome }) => outcome?.status })],
  ['Request.Method', (rest) => ofCall(rest, () => 'POST')],
  ['Request.Body', body],
  ['Request.Headers', headers],
  ['Request.MatchedParameters', deployment],
]);

/** The body as JSON; without `As` there is nothing to do with it but ask whether there is one. */
function body(steps: readonly Step[], place: Place): ContextValue {
  const [first, ...rest] = steps;
  const read = (call: Call) => call.body;
  if (first === undefined) return ofCall([], read);
  if (first.kind === 'call' && first.name === 'As' && /^J(?:Object|Token)$/.test(first.type ?? ''))
    return ofCall(rest, read);
  throw new PolicyImportError(place, 'of a body, only As<JObject>() and As<JToken>() are understood');
}

/** `Headers.GetValueOrDefault("x-team", "none")`: the attribute of that name, as the call's headers are the app's own. */
function headers(steps: readonly Step[], place: Place, argument: Parameters<Member>[2]): ContextValue {
  const [first, ...rest] = steps;
  const name = first === undefined ? undefined : argument(first, 0);
  if (first?.kind === 'call' && name !== undefined) {
    const orElse = first.args.length === 2 ? argument(first, 1) : undefined;
    if (first.name === 'GetValueOrDefault' && (first.args.length === 1 || orElse !== undefined))
      return ofCall(rest, (call) => attributeOf(call, name) ?? orElse);
    if (first.name === 'ContainsKey') return ofCall(rest, (call) => attributeOf(call, name) !== undefined);
  }
  throw new PolicyImportError(
    place,
    'of headers, only GetValueOrDefault("name", "default") and ContainsKey("name") are understood',
  );
}

/** The part of the URL that names Azure's deployment. */
function deployment(steps: readonly Step[], place: Place, argument: Parameters<Member>[2]): ContextValue {
  const [first, ...rest] = steps;
  const isRead = first?.kind === 'index' || (first?.kind === 'call' && first.name === 'GetValueOrDefault');
  if (first !== undefined && isRead && argument(first, 0) === 'deployment-id')
    return ofCall(rest, (call) => call.model);
  throw new PolicyImportError(place, 'of matched parameters, only "deployment-id" is understood');
}
