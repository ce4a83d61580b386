import type { Admitted } from './call-admissions.ts';
import { changedRequest, encodedLike } from './calls/changed-request.ts';
import type { Endpoint } from './calls/endpoint.ts';
import type { Fields } from './json.ts';

/** The body that is sent in the place of another; undefined if that is sent as it is. */
export interface ChangedBody {
  readonly body: ReturnType<typeof encodedLike> | undefined;
  /** It asks for the usage of its stream, where the app did not. */
  readonly asking: boolean;
}

/** Changes the body of an admitted call as it needs to be. One that cannot be changed will not be sent. */
export function changedBody(
  endpoint: Endpoint,
  body: unknown,
  fields: Fields,
  { bound, reservation }: Admitted,
): ChangedBody {
  try {
    const { fields: changed, asking } = changedRequest(endpoint, fields, bound);
    return { body: changed === undefined ? undefined : encodedLike(body, changed), asking };
  } catch (error) {
    reservation.withdraw();
    throw error;
  }
}
