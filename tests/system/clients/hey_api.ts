// hey_api.ts URL - calls the server through ./hey, which @hey-api/openapi-ts has generated.
import { createClient, createConfig } from './hey/client/index.js';
import { computeMse, type MseRequest } from './hey/index.js';

const client = createClient(createConfig({ baseUrl: process.argv[2] }));
const predictions = [0.6964691855978616, 0.28613933495037946];
const targets = [0.22826323087895561, 0.29371404638882936];

async function call(name: string, body: MseRequest) {
  const { data, error } = await computeMse({ client, body });
  if (data) console.log(name, JSON.stringify(data));
  else if (error.type === '/problems/shape-mismatch') console.log(name, JSON.stringify(error.pointer));
}

await call('mean', { predictions, targets });
await call('weighted', { predictions, targets, weights: [1, 0.3], reduction: 'sum', gradients: ['targets'] });
await call('none', { predictions, targets, reduction: 'none' });
await call('nested', { predictions: [predictions, targets], targets: [targets, predictions], reduction: 'none' });
await call('refused', { predictions, targets: [targets[0]] });
