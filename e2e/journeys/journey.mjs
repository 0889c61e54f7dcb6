// Journeys of a shopper in a headless Chromium: shop, 3DS Method, challenge frame, receipt.
//   node journey.mjs ENDPOINTS.json FOLDER-FOR-SCREENSHOTS
// Prints one line per journey; exits 1 at the first that does not end as it must.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [endpointsFile, folder] = process.argv.slice(2);
const endpoints = JSON.parse(readFileSync(endpointsFile, "utf8"));
const cards = JSON.parse(readFileSync(endpoints.cards, "utf8"));
const card = (expect, kind = "") =>
  cards.find((one) => one.expect === expect && one.scenario.includes(kind));
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 720 };
mkdirSync(folder, { recursive: true });

const sent = () => {
  try {
    return readFileSync(endpoints.outbox, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  } catch {
    return [];
  }
};

async function newCode(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const now = sent();
    if (now.length > before) return now.at(-1).code;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no code in the outbox within 10 s");
}

const wrong = (code) => (code[0] === "9" ? "0" : String(Number(code[0]) + 1)) + code.slice(1);

// One shopper with a fresh browser profile, watched for what no page may do.
class Shopper {
  static async at(browser, name, options = {}) {
    const { viewport = DESKTOP, locale = "en-GB", scripts = true, dark = false } = options;
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      viewport,
      locale,
      javaScriptEnabled: scripts,
      colorScheme: dark ? "dark" : "light",
      deviceScaleFactor: 1,
    });
    const shopper = new Shopper();
    Object.assign(shopper, { context, name, scripts, shots: 0, complaints: [] });
    shopper.page = await context.newPage();
    shopper.page.on("console", (message) => {
      if (message.type() === "error") shopper.complaints.push(message.text());
    });
    shopper.page.on("pageerror", (error) => shopper.complaints.push(String(error)));
    context.on("request", (request) => {
      const url = new URL(request.url());
      const local = url.hostname === "localhost" || url.protocol === "data:";
      if (!local) shopper.complaints.push(`request to ${url.origin}`);
    });
    return shopper;
  }

  async shot(what) {
    this.shots += 1;
    const file = `${this.name}-${this.shots}-${what}.png`;
    await this.page.screenshot({ path: join(folder, file), fullPage: true });
  }

  // Fills the checkout and pays.
  async checkout({ pan, expiry }, { amount = "20000", window = "02", version = "2.3.1" } = {}) {
    const { page } = this;
    await page.goto(endpoints.shop);
    await this.shot("checkout");
    await page.fill("#number", pan);
    await page.fill("#expiry", `${expiry.slice(2)}/${expiry.slice(0, 2)}`);
    await page.fill("#amount", amount);
    await page.selectOption("#currency", "392");
    if (!(await page.locator("#version").isVisible())) await page.click("details.settings summary");
    await page.selectOption("#version", version);
    await page.selectOption("#window", window);
    await page.click(".checkout-form button.primary");
  }

  // The challenge frame once its page stands in it.
  async challenge(awaited = "#code") {
    const element = this.page.locator("iframe#challenge");
    await element.waitFor({ timeout: 20_000 });
    const allowed = "allow-forms allow-scripts allow-same-origin allow-pointer-lock";
    const sandbox = await element.getAttribute("sandbox");
    assert.ok(sandbox === null || sandbox === allowed, `sandbox is ${sandbox}`);
    const frame = this.page.frameLocator("iframe#challenge");
    await frame.locator(awaited).waitFor({ timeout: 20_000 });
    await this.fits();
    return frame;
  }

  // No sideways scrolling, neither of the shop nor inside the frame.
  async fits() {
    for (const frame of this.page.frames()) {
      if (!this.scripts || frame.url() === "about:blank") continue;
      const [needs, has] = await frame.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      if (has > 0) assert.ok(needs <= has, `${frame.url()} needs ${needs} of ${has} pixels`);
    }
  }

  // The receipt must tell this status.
  async receipt(status) {
    const { page } = this;
    await page.waitForURL(/\/receipt\//, { timeout: 30_000 });
    await page.locator("#result-title").waitFor();
    await this.fits();
    await this.shot("receipt");
    const told = await page.locator("dl.facts").innerText();
    assert.match(told, new RegExp(`transStatus\\s+${status}\\b`), told);
    assert.equal(await page.locator(".alert").count(), 0, await page.locator("main").innerText());
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, [], this.name);
  }
}

const journeys = {
  async "challenge-2.3.1"(browser, name) {
    const shopper = await Shopper.at(browser, name);
    const before = sent().length;
    await shopper.checkout(card("C"));
    const frame = await shopper.challenge();
    const code = await newCode(before);
    await shopper.shot("code");
    await frame.locator("#code").fill(wrong(code));
    const start = Date.now();
    await frame.locator("button[value=submit]").click();
    await frame.locator("html.busy").waitFor({ state: "attached" });
    assert.equal(await frame.locator("main").isVisible(), false, "nothing but a graphic is seen");
    await shopper.shot("busy");
    await frame.locator("#error").waitFor();
    assert.ok(Date.now() - start >= 1000, "the processing screen stands for a second");
    await shopper.fits();
    await shopper.shot("wrong");
    await frame.locator("#code").fill(code);
    await frame.locator("#code").press("Enter");
    await shopper.receipt("Y");
    await shopper.leave();
  },

  async "challenge-2.1.0-japanese-phone"(browser, name) {
    const shopper = await Shopper.at(browser, name, { viewport: PHONE, locale: "ja-JP" });
    const before = sent().length;
    await shopper.checkout(card("C"), { version: "2.1.0", window: "01" });
    const frame = await shopper.challenge();
    const code = await newCode(before);
    await shopper.shot("code");
    await frame.locator("#code").fill(code);
    await frame.locator("button[value=submit]").click();
    await shopper.receipt("Y");
    await shopper.leave();
  },

  async "challenge-2.2.0-full-screen-dark"(browser, name) {
    const shopper = await Shopper.at(browser, name, { dark: true });
    const before = sent().length;
    await shopper.checkout(card("C", "e-mail") ?? card("C"), { version: "2.2.0", window: "05" });
    const frame = await shopper.challenge();
    const code = await newCode(before);
    for (const summary of await frame.locator("summary").all()) await summary.click();
    await shopper.shot("code-with-help");
    await frame.locator("#code").fill(code);
    await frame.locator("button[value=submit]").click();
    await shopper.receipt("Y");
    await shopper.leave();
  },

  // Each size the requestor may ask for: the frame has it, and the page fits in it.
  async "t-bc-09-window-sizes"(browser, name) {
    const sizes = { "01": [250, 400], "02": [390, 400], "03": [500, 600], "04": [600, 400] };
    for (const window of ["01", "02", "03", "04", "05"]) {
      const shopper = await Shopper.at(browser, `${name}-${window}`);
      await shopper.checkout(card("C"), { window });
      const frame = await shopper.challenge();
      const [width, height, look] = await frame
        .locator("html")
        .evaluate((html) => [innerWidth, innerHeight, html.className]);
      assert.equal(look, `w${window}`);
      const [wanted, high] = sizes[window] ?? [width, height];
      assert.deepEqual([width, height], [wanted, high], `window ${window}`);
      if (window === "05") assert.ok(width > 600, `full screen is ${width} wide`);
      const button = await frame.locator("button[value=submit]").boundingBox();
      assert.ok(button.width > 0 && button.height >= 44, "a button that can be pressed");
      await shopper.shot("code");
      await frame.locator("button[value=cancel]").click();
      await shopper.receipt("N");
      await shopper.leave();
    }
  },

  async "cancelled"(browser, name) {
    for (const window of ["03", "04"]) {
      const shopper = await Shopper.at(browser, `${name}-${window}`, { viewport: PHONE });
      await shopper.checkout(card("C"), { window });
      const frame = await shopper.challenge();
      await shopper.shot("code");
      await frame.locator("button[value=cancel]").click();
      await shopper.receipt("N");
      await shopper.leave();
    }
  },

  async "out-of-band"(browser, name) {
    for (const [kind, window, locale, status] of [
      ["approved there", "01", "ja-JP", "Y"],
      ["declined there", "03", "en-GB", "N"],
    ]) {
      const shopper = await Shopper.at(browser, `${name}-${status}`, { viewport: PHONE, locale });
      await shopper.checkout(card("C", kind), { window, version: "2.3.1" });
      const frame = await shopper.challenge(".number");
      const told = sent().at(-1);
      assert.equal(await frame.locator(".number").innerText(), told.number);
      await shopper.shot("waiting");
      // Nobody presses anything: the page hears of the answer and moves on.
      await shopper.receipt(status);
      await shopper.leave();
    }
  },

  async "out-of-band-without-scripts"(browser, name) {
    const shopper = await Shopper.at(browser, name, { scripts: false });
    const { page } = shopper;
    await shopper.checkout(card("C", "approved there"));
    await page.locator("form[action$='/plain'] button").click();
    await page.locator("#creq button").click();
    const frame = await shopper.challenge(".number");
    await frame.locator("button[value=submit]").click();
    await frame.locator("#error").waitFor();
    await shopper.shot("too-early");
    await new Promise((resolve) => setTimeout(resolve, 6000));
    await frame.locator("button[value=submit]").click();
    await frame.locator("form#return button").click();
    await frame.locator("a.button").waitFor();
    await page.locator("main a.button").last().click();
    await shopper.receipt("Y");
    await shopper.leave();
  },

  async "frictionless"(browser, name) {
    const shopper = await Shopper.at(browser, name);
    await shopper.checkout(card("Y"), { amount: "100" });
    await shopper.receipt("Y");
    await shopper.leave();
  },

  async "rejected"(browser, name) {
    const shopper = await Shopper.at(browser, name, { viewport: PHONE, locale: "ja-JP" });
    await shopper.checkout(card("R"));
    await shopper.receipt("R");
    await shopper.leave();
  },

  async "without-scripts"(browser, name) {
    const shopper = await Shopper.at(browser, name, { scripts: false });
    const { page } = shopper;
    const before = sent().length;
    await shopper.checkout(card("C"));
    await page.locator("form[action$='/plain'] button").click();
    await page.locator("#creq button").click();
    const frame = await shopper.challenge();
    await frame.locator("#code").fill(await newCode(before));
    await shopper.shot("code");
    await frame.locator("button[value=submit]").click();
    await frame.locator("form#return button").click();
    await frame.locator("a.button").waitFor();
    await shopper.shot("returned");
    await page.locator("main a.button").last().click();
    await shopper.receipt("Y");
    await shopper.leave();
  },
};

const browser = await chromium.launch({
  executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const wanted = process.env.E2E_JOURNEY;
let failed = 0;
for (const [name, run] of Object.entries(journeys)) {
  // A journey of a scenario is run by the scenario's own test.
  if (wanted ? wanted !== name : name.startsWith("t-")) continue;
  const start = Date.now();
  try {
    await run(browser, name);
    console.log(`ok      ${name}  ${((Date.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.stack}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        await page.screenshot({ path: join(folder, `${name}-FAILED.png`), fullPage: true });
        console.log(`        stands at ${page.url()}`);
      }
      await context.close();
    }
  }
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
