// browser.mjs - servers of our own, and Debian's Chromium to look at them with. $MSE_SERVER names the binary; npm's
// packages are those of build/node. Run from the top of the tree.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

export const require = createRequire(resolve('build/node', 'any.js'));

/** Starts a server, and resolves to where it listens and what stops it. It ends with this process. */
export function serve(...options) {
  const command = ['--pdeathsig', 'KILL', process.env.MSE_SERVER, '--listen', '127.0.0.1:0', ...options];
  const server = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let log = '';
    server.on('exit', () => reject(new Error(`the server did not start: ${log}`)));
    server.stderr.on('data', (text) => {
      log += text;
      const address = /listening on ([^ ,]+)/.exec(log)?.[1];
      const scheme = options.includes('--tls-cert') ? 'https' : 'http';
      if (address !== undefined) resolve({ url: `${scheme}://${address}/`, stop: () => server.kill() });
    });
  });
}

/** A browser with an empty profile that talks to nobody unasked. */
export function launch() {
  return require('playwright-core').chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
