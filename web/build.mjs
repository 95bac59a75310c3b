/**
 * Builds the page into a folder of static files: `node build.mjs [OUT]`, by default where `glasspose serve` has it.
 * With --device also the runtime, into OUT/device. The same input gives the same bytes.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build, transform } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = process.argv.slice(2).find((word) => !word.startsWith("--")) ?? join(HERE, "../src/glasspose/serving/page");
const RUNTIME = join(HERE, "node_modules/onnxruntime-web");
const ORT_VERSION = JSON.parse(readFileSync(join(RUNTIME, "package.json"), "utf8")).version;
const STATIC = ["manifest.webmanifest", "icon.svg", "icon-192.png", "icon-512.png"];
const ENGINES = [
  "ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm",
  "ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm",
]; // prettier-ignore

const hash = (content) => createHash("sha256").update(content).digest("hex").slice(0, 12);

async function bundled(name, format, define) {
  const told = Object.fromEntries(Object.entries({ ORT_VERSION, ...define }).map(([key, value]) => [key, JSON.stringify(value)]));
  const options = { bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none", target: ["es2022"] };
  const made = await build({ ...options, entryPoints: [join(HERE, "src", name)], format, define: told, logLevel: "warning" });
  return Buffer.from(made.outputFiles[0].contents);
}

async function page() {
  const worker = await bundled("worker.js", "esm", {});
  const files = { "worker.js": worker };
  files["page.js"] = await bundled("page.js", "esm", { WORKER: `worker.js?${hash(worker)}` });
  files["page.css"] = Buffer.from((await transform(readFileSync(join(HERE, "src/page.css")), { loader: "css", minify: true })).code);
  const addressed = (text) => text.replace(/(page\.\w+)\?HASH/g, (_, name) => `${name}?${hash(files[name])}`);
  files["index.html"] = Buffer.from(addressed(readFileSync(join(HERE, "src/index.html"), "utf8")));
  for (const name of STATIC) files[name] = readFileSync(join(HERE, "src", name));
  const shell = ["./", ...["page.js", "page.css", "worker.js"].map((name) => `${name}?${hash(files[name])}`), ...STATIC];
  const version = hash(Object.entries(files).map(([name, content]) => name + hash(content)).join());
  files["service-worker.js"] = await bundled("service-worker.js", "iife", { SHELL: shell, SHELL_VERSION: version });
  return files;
}

function runtime(folder) {
  const into = join(folder, `ort-${ORT_VERSION}`);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) if (name.startsWith("ort-")) rmSync(join(folder, name), { recursive: true });
  mkdirSync(into, { recursive: true });
  for (const name of ENGINES) copyFileSync(join(RUNTIME, "dist", name), join(into, name));
  writeFileSync(join(into, "README.txt"), `onnxruntime-web ${ORT_VERSION}, MIT licence, Copyright (c) Microsoft Corporation. Copied from its npm package.\n`);
}

mkdirSync(OUT, { recursive: true });
const files = await page();
for (const [name, content] of Object.entries(files)) writeFileSync(join(OUT, name), content);
if (process.argv.includes("--device")) runtime(join(OUT, "device"));
const bytes = Object.values(files).reduce((sum, content) => sum + content.length, 0);
console.log(`${OUT}: ${Object.keys(files).length} files, ${(bytes / 1024).toFixed(0)} KiB`);
