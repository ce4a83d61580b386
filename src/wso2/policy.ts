import type { Plan } from '../limits/plan.ts';
import type { Exported } from './document.ts';
import { burstLimits, quotaLimits } from './quota.ts';

/** What describes a policy, with no effect on calls. */
const DESCRIPTION = [
  'policyId',
  'uuid',
  'policyName',
  'displayName',
  'description',
  'isDeployed',
  'tenantId',
  'tenantDomain',
];
const EFFECTIVE = [
  'type',
  'defaultLimit',
  'rateLimitCount',
  'rateLimitTimeUnit',
  'customAttributes',
  'stopOnQuotaReach',
  'billingPlan',
  'permissions',
];
/** What cannot be honoured, but may be absent, null, 0 or empty. */
const REFUSED = ['graphQLMaxComplexity', 'graphQLMaxDepth', 'subscriberCount', 'monetization'];

/** The role that everyone has. */
const EVERYONE = 'Internal/everyone';

const BILLING = { FREE: 'free', COMMERCIAL: 'commercial' } as const;

/** A subscription policy as a plan, with its name. @throws PolicyImportError for what cannot be honoured */
export function planOf(policy: Exported, ignore: readonly string[]): [name: string, plan: Plan] {
  policy.checkFields([...DESCRIPTION, ...EFFECTIVE, ...REFUSED, ...ignore]);
  const field = (name: string) => policy.field(name);
  const name = field('policyName').text();
  if (name === undefined || name === '') throw policy.error('policyName is missing');
  field('type').oneOf(['SubscriptionThrottlePolicy']);
  for (const refused of REFUSED) {
    if (!ignore.includes(refused)) checkEmpty(field(refused));
  }
  const stops = field('stopOnQuotaReach').boolean();
  const billing = field('billingPlan').oneOf(Object.keys(BILLING) as (keyof typeof BILLING)[]);
  const attributes = attributesOf(field('customAttributes'));
  return [
    name,
    {
      limits: [
        ...quotaLimits(field('defaultLimit')),
        ...burstLimits(field('rateLimitCount'), field('rateLimitTimeUnit')),
      ],
      ...(stops !== undefined && { onExceeded: stops ? 'reject' : 'allow' }),
      ...(billing !== undefined && { billing: BILLING[billing] }),
      ...(Object.keys(attributes).length > 0 && { attributes }),
      ...rolesOf(field('permissions')),
    },
  ];
}

function checkEmpty(field: Exported): void {
  const isEmpty = field.isMissing || (!field.isMap && !field.isList && field.count() === 0);
  if (!isEmpty) throw field.error('cannot be honoured; to pass over it, name it in the option ignore');
}

function attributesOf(field: Exported): Readonly<Record<string, string>> {
  const entries = field.list().map((attribute): [string, string] => {
    attribute.checkFields(['name', 'value']);
    const name = attribute.field('name').text();
    const value = attribute.field('value').text();
    if (name === undefined || value === undefined) throw attribute.error('expected a name and a value');
    return [name, value];
  });
  return Object.fromEntries(entries);
}

function rolesOf(permissions: Exported): Pick<Plan, 'allow' | 'deny'> {
  if (permissions.isMissing) return {};
  permissions.checkFields(['permissionType', 'roles']);
  const type = permissions.field('permissionType').oneOf(['ALLOW', 'DENY', 'NONE']);
  if (type === undefined) throw permissions.error('permissionType is missing');
  const roles = permissions
    .field('roles')
    .list()
    .map((role) => {
      const text = role.text();
      if (text === undefined || text === '') throw role.error('expected the name of a role');
      return text;
    });
  if (type === 'NONE') return {};
  if (roles.length === 0) throw permissions.error(`${type} needs at least one role`);
  const everyone = roles.includes(EVERYONE);
  if (type === 'ALLOW') return everyone ? {} : { allow: roles };
  return everyone ? { allow: [] } : { deny: roles };
}
