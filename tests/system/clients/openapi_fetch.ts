// openapi_fetch.ts URL - calls the server through openapi-fetch, with types that openapi-typescript has generated.
import createClient from 'openapi-fetch';
import type { components, paths } from './mse.js';

const client = createClient<paths>({ baseUrl: process.argv[2] });
const predictions = [0.6964691855978616, 0.28613933495037946];
const targets = [0.22826323087895561, 0.29371404638882936];

async function call(name: string, body: components['schemas']['MseRequest']) {
  const { data, error } = await client.POST('/mse', { body });
  if (!error) console.log(name, JSON.stringify(data));
  else if (error.type === '/problems/shape-mismatch') console.log(name, JSON.stringify(error.pointer));
}

await call('mean', { predictions, targets });
await call('weighted', { predictions, targets, weights: [1, 0.3], reduction: 'sum', gradients: ['targets'] });
await call('none', { predictions, targets, reduction: 'none' });
await call('nested', { predictions: [predictions, targets], targets: [targets, predictions], reduction: 'none' });
await call('refused', { predictions, targets: [targets[0]] });
