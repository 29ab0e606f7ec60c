// Compares a file with the hash that a transaction holds. The file is hashed here, in the page, and goes nowhere.

import { element } from "./dom.js";
import { sha256Hex } from "./sha256.js";

/** A longer file would not fit into the page's memory: it is left to a program. */
const FILE_LIMIT_BYTES = 512 * 1024 * 1024;

for (const section of document.querySelectorAll("section.notarised")) {
  const said = element("output", { "aria-live": "polite" });
  const field = element("input", { type: "file", id: "file" });
  section.append(element("label", { for: "file" }, "Is it this file? Drop it here, or choose it"), field, said);
  field.addEventListener("change", () => { if (field.files[0]) check(field.files[0]); });
  section.addEventListener("dragover", event => {
    event.preventDefault();
    section.classList.add("is-over");
  });
  section.addEventListener("dragleave", () => { section.classList.remove("is-over"); });
  section.addEventListener("drop", event => {
    event.preventDefault();
    section.classList.remove("is-over");
    if (event.dataTransfer.files[0]) check(event.dataTransfer.files[0]);
  });

  async function check(file) {
    said.className = "";
    if (file.size > FILE_LIMIT_BYTES) {
      said.textContent = `${file.name} is too long for a page: sha256sum ${file.name}`;
      return;
    }
    said.textContent = `Hashing ${file.name} …`;
    const hash = sha256Hex(new Uint8Array(await file.arrayBuffer()));
    const holds = hash === section.dataset.hash;
    said.className = holds ? "good" : "bad";
    said.textContent = holds ? `✓ ${file.name} is the file: it has this hash.` : `✗ ${file.name} is another file: its hash is ${hash}.`;
  }
}
