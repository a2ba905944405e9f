// measure.js DIRECTORY SCHEMA SIZES VARIANTS: how long JSON.parse and a compiled ajv take, on request.
//
// DIRECTORY holds node_modules. The standard input has SIZES times VARIANTS documents, a line each; then requests, "size
// count", each answered by the nanoseconds a document took over so many.
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");

const [directory, schema, sizes, variants] = process.argv.slice(2);
const Ajv = createRequire(directory + "/")("ajv/dist/2020").default;
const validate = new Ajv({ strict: false }).compile(JSON.parse(fs.readFileSync(schema, "utf8")));

let pending = "";
const chunk = Buffer.alloc(65536);
const decoder = new TextDecoder();
function line() {
    for (;;) {
        const end = pending.indexOf("\n");
        if (end >= 0) {
            const text = pending.slice(0, end);
            pending = pending.slice(end + 1);
            return text;
        }
        const got = fs.readSync(0, chunk);
        if (got === 0) process.exit(0);
        pending += decoder.decode(chunk.subarray(0, got), { stream: true });
    }
}

// Strings of their own, flat, as they would come from a message.
const documents = [];
for (let size = 0; size < +sizes; size++) {
    documents.push([]);
    for (let i = 0; i < +variants; i++) documents[size].push(Buffer.from(line()).toString("utf8"));
}

function measure(texts, count) {
    const begin = process.hrtime.bigint();
    for (let i = 0; i < count; i++)
        if (!validate(JSON.parse(texts[i % texts.length]))) throw new Error(JSON.stringify(validate.errors));
    return Number(process.hrtime.bigint() - begin) / count;
}

for (const texts of documents) for (let i = 0; i < 8; i++) measure(texts, 8192); // until its compilers have seen it
for (;;) {
    const [size, count] = line().split(" ");
    fs.writeSync(1, measure(documents[size], +count) + "\n");
}
