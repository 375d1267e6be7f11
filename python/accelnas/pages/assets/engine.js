"use strict";
// The package's own core in the page: the same code as everywhere, compiled to WebAssembly.

const Engine = (() => {
  const encoder = new TextEncoder(), decoder = new TextDecoder();

  /** The bytes of a script element, deflated and in base64. */
  async function bytesOf(id) {
    const text = document.getElementById(id).textContent.trim();
    const letters = atob(text), packed = new Uint8Array(letters.length);
    for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i); // a callback takes ten times as long
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** What such an element says in JSON. */
  const jsonOf = async (id) => JSON.parse(decoder.decode(await bytesOf(id)));

  class Core {
    constructor(exports) {
      this.exports = exports;
    }

    write(...parts) {
      const size = parts.reduce((sum, part) => sum + part.length, 0);
      let place = this.exports.reserve(size);
      for (const part of parts) {
        new Uint8Array(this.exports.memory.buffer, place, part.length).set(part);
        place += part.length;
      }
    }

    read(isFine) {
      const { memory, answer, answer_bytes: size } = this.exports;
      const text = decoder.decode(new Uint8Array(memory.buffer, answer(), size()));
      if (!isFine) throw new Error(text);
      return text;
    }

    open(toml) {
      this.write(encoder.encode(toml));
      this.read(this.exports.open());
    }

    add(metric, packed) {
      const description = encoder.encode(JSON.stringify(metric));
      this.write(description, packed);
      this.read(this.exports.add(description.length));
    }

    ask(question) {
      this.write(encoder.encode(JSON.stringify(question)));
      return JSON.parse(this.read(this.exports.ask()));
    }
  }

  async function start(toml) {
    const { instance } = await WebAssembly.instantiate(await bytesOf("core"), {});
    const core = new Core(instance.exports);
    core.open(toml);
    return core;
  }

  return { bytesOf, jsonOf, start };
})();
