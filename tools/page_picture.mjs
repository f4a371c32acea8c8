// page_picture.mjs - writes docs/page.png, the README's picture of the page. `make page-picture` calls it.
import { launch, serve } from '../tests/support/browser.mjs';

const server = await serve();
const browser = await launch();
const page = await browser.newPage({
  viewport: { width: 1200, height: 700 },
  colorScheme: 'light',
  reducedMotion: 'reduce',
});
await page.goto(server.url);
await page.waitForSelector('#reading b');
await page.locator('#element').fill('17');
await page.evaluate(() => {
  document.querySelector('#try').hidden = true; // a wall of digits, which would make the picture long and large
  document.activeElement.blur();
});
const height = await page.evaluate(() =>
  Math.round(scrollY + document.querySelector('#see').getBoundingClientRect().bottom),
);
await page.screenshot({ path: 'docs/page.png', fullPage: true, clip: { x: 0, y: 0, width: 1200, height } });
await browser.close();
server.stop();
