// measure.js DIRECTORY SCHEMA SIZES VARIANTS: JSON.parse and a compiled ajv, on request; who asks looks at the clock.
//
// DIRECTORY holds node_modules. The standard input has SIZES times VARIANTS documents, a line each; then requests, "size
// count": so many documents of that size. Each is answered by a line when that is done, and one comes when it is warm.
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

function validateAll(texts, count) {
    for (let i = 0; i < count; i++)
        if (!validate(JSON.parse(texts[i % texts.length]))) throw new Error(JSON.stringify(validate.errors));
}

for (const texts of documents) validateAll(texts, 65536); // until its compilers have seen it
for (;;) {
    fs.writeSync(1, "\n");
    const [size, count] = line().split(" ");
    validateAll(documents[size], +count);
}
