import type { Endpoint } from './endpoint.ts';

export const moderations: Endpoint = {
  path: '/moderations',
  free: true,
  estimate: () => ({ promptTokens: 0, completionTokens: 0, images: 0 }),
};
